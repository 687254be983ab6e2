"""Where Waypost may call: one object that every URL and every dialled address is held against.

No DNS here: a URL is judged by what is written in it when it is stored and before it is used, and the address that
its name leads to is judged again at the moment it is dialled.
"""

import ipaddress
import socket
from collections.abc import Sequence

from waypost.egress.addresses import IpAddress, carried, meant, special
from waypost.egress.urls import Target, target
from waypost.errors import Fault
from waypost.settings import Network

_METADATA_NAMES = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.com",
        "metadata.azure.internal",
        "metadata.ec2.internal",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.oraclecloud.com",
        "metadata.packet.net",
        "metadata.platformequinix.com",
        "metadata.tencentyun.com",
        "rancher-metadata",
    }
)
_ALWAYS_REFUSED = tuple(
    ipaddress.ip_network(block)
    for block in (
        "169.254.0.0/16",  # link-local: the metadata service of nearly every cloud
        "100.100.100.200/32",  # Alibaba Cloud metadata
        "168.63.129.16/32",  # Azure platform
        "192.0.0.192/32",  # Oracle Cloud metadata
        "fd00:ec2::254/128",  # AWS metadata
        "fd20:ce::254/128",  # Google Cloud metadata
    )
)
_METADATA = "This is where cloud machines hand out their own credentials. It can never be allowed."
_OWN = "This is an address that Waypost itself listens on. It can never be allowed."


class Policy:
    """Refuses what is not the open internet, save `allowed` networks.

    Metadata services and Waypost's `own` listeners are refused whatever is allowed.
    """

    def __init__(self, allowed: Sequence[Network], own: Sequence[tuple[str, int]] = ()) -> None:
        self._allowed = tuple(allowed)
        self._own: list[tuple[IpAddress, int]] = []
        for host, port in own:
            self.protect(host, port)

    def protect(self, host: str, port: int) -> None:
        """From now on refuses the listener at `host`, an IP address.

        0.0.0.0 and :: stand for every address of this machine. Raises ValueError for a name: resolve it first.
        """
        self._own.append((meant(ipaddress.ip_address(host)), port))

    def fault(self, url: str, *, https_only: bool, pointer: str) -> Fault | None:
        """The first of `faults`, or None when `url` may be called."""
        return next(iter(self.faults(url, https_only=https_only, pointer=pointer)), None)

    def faults(self, url: str, *, https_only: bool, pointer: str) -> list[Fault]:
        """Everything that keeps `url` from being called.

        The codes are `invalid_url`, `https_required` and `address_not_allowed`.
        """
        found = target(url)
        if isinstance(found, str):
            return [Fault(pointer, "invalid_url", found)]
        faults = []
        if https_only and not found.https:
            faults.append(Fault(pointer, "https_required", "Use https:// here; http:// is for Development only."))
        if (refusal := self._refused(found)) is not None:
            faults.append(Fault(pointer, "address_not_allowed", refusal))
        elif found.wrong is not None:
            faults.append(Fault(pointer, "invalid_url", found.wrong))
        return faults

    def refusal(self, ip: IpAddress, port: int) -> str | None:
        """Why `ip` may not be dialled, and what can be done about it; None when it may."""
        never = self.never(ip, port)
        if never is not None:
            return never
        ip = meant(ip)
        kind = special(ip)
        if kind is None or any(ip in network for network in self._allowed):
            return None
        return f"This is {kind}. An operator can allow its network in WAYPOST_ALLOWED_NETWORKS."

    def never(self, ip: IpAddress, port: int) -> str | None:
        """Why `ip` may not be dialled whatever is allowed: a metadata service or Waypost's own listener."""
        for end in carried(ip):
            if any(end in network for network in _ALWAYS_REFUSED):
                return _METADATA
            if any(port == own_port and _reaches(end, own) for own, own_port in self._own):
                return _OWN
        return None

    def _refused(self, found: Target) -> str | None:
        if found.name in _METADATA_NAMES:
            return _METADATA
        refusals = (self.refusal(ip, found.port) for ip in found.addresses)
        return next((words for words in refusals if words is not None), None)


def _reaches(ip: IpAddress, listener: IpAddress) -> bool:
    # Dialling 0.0.0.0 or :: reaches loopback, and all of loopback is one machine.
    if ip == listener or ip.is_unspecified or (ip.is_loopback and listener.is_loopback):
        return True
    return listener.is_unspecified and (ip.is_loopback or _is_of_this_machine(ip))


def _is_of_this_machine(ip: IpAddress) -> bool:
    """Whether the system would send from `ip` to `ip`; asking it this way sends no packet."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(ip), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == ip
    except OSError:
        return False
