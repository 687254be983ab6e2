"""Where Waypost may call: one object that every URL and every dialled address is held against.

The operator says which private networks are open to everybody (`allowed`), and which an environment may open for
itself (`grantable`); an environment's list narrows from there. No DNS here: a URL is judged by what is written in
it when it is stored and before it is used, and the address that its name leads to is judged again at the moment it
is dialled.
"""

import copy
import ipaddress
import socket
from collections.abc import Sequence

from waypost.egress import lists
from waypost.egress.addresses import IpAddress, carried, meant, special
from waypost.egress.lists import OPEN, EgressList
from waypost.egress.urls import Authority, authority_of
from waypost.errors import Fault
from waypost.settings import Network

METADATA_NAMES = frozenset(
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
_MOST_PASSED = 4096
_METADATA = "This is where cloud machines hand out their own credentials. It can never be allowed."
_OWN = "This is an address that Waypost itself listens on. It can never be allowed."
_CHANGE = "an owner can change it (PUT /waypost/v1/environments/{id}/egress)."
_PORT = f"The egress list of this environment does not have this port; {_CHANGE}"
_PLACE = f"The egress list of this environment has neither this host nor its network; {_CHANGE}"


class Policy:
    """Refuses what is not the open internet, save `allowed` networks.

    Metadata services and Waypost's `own` listeners are refused whatever is allowed. `grantable` networks are open
    to environments that have them on their list.
    """

    def __init__(
        self,
        allowed: Sequence[Network],
        own: Sequence[tuple[str, int]] = (),
        *,
        grantable: Sequence[Network] = (),
    ) -> None:
        self._allowed = tuple(allowed)
        self._grantable = tuple(grantable)
        self._list = OPEN
        self._sees_addresses = True
        self._own: list[tuple[IpAddress, int]] = []
        self._passed: set[tuple[EgressList, bool, str, bool]] = set()
        for host, port in own:
            self.protect(host, port)

    def protect(self, host: str, port: int) -> None:
        """From now on refuses the listener at `host`, an IP address.

        0.0.0.0 and :: stand for every address of this machine. Raises ValueError for a name: resolve it first.
        """
        self._own.append((meant(ipaddress.ip_address(host)), port))
        self._passed.clear()

    def within(self, listed: EgressList, *, sees_addresses: bool = True) -> "Policy":
        """This policy for an environment with that list; listeners protected later are refused here too.

        `sees_addresses` is false where a proxy dials: then only hosts that the list names can be let through.
        """
        if listed.is_open:
            return self
        made = copy.copy(self)
        made._list, made._sees_addresses = listed, sees_addresses
        return made

    def names(self, url: str) -> bool:
        """Whether the list names the host of a URL."""
        found = authority_of(url)
        return isinstance(found, Authority) and self._list.names(found.name)

    def unlistable(self, network: Network) -> tuple[str, str] | None:
        """Code and words for why no environment may list a network; None when it may."""
        if any(network.version == never.version and _within(network, never) for never in _ALWAYS_REFUSED):
            return "never_allowed", _METADATA
        kind = lists.kind(network)
        if kind is None or any(_within(network, opened) for opened in (*self._allowed, *self._grantable)):
            return None
        words = f"This is {kind}. Only the operator can open it to environments, in WAYPOST_GRANTABLE_NETWORKS."
        return "network_not_permitted", words

    def fault(self, url: str, *, https_only: bool, pointer: str) -> Fault | None:
        """The first of `faults`, or None when `url` may be called.

        That it may is remembered, for each attempt asks: the address that is dialled is judged anew all the same.
        """
        asked = (self._list, self._sees_addresses, url, https_only)
        if asked in self._passed:
            return None
        found = next(iter(self.faults(url, https_only=https_only, pointer=pointer)), None)
        if found is None:
            if len(self._passed) >= _MOST_PASSED:
                self._passed.clear()
            self._passed.add(asked)
        return found

    def faults(self, url: str, *, https_only: bool, pointer: str) -> list[Fault]:
        """Everything that keeps `url` from being called.

        The codes are `invalid_url`, `https_required` and `address_not_allowed`.
        """
        found = authority_of(url)
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

    def refusal(self, ip: IpAddress, port: int, *, named: bool = False) -> str | None:
        """Why `ip` may not be dialled, and what can be done about it; None when it may.

        `named` says that the environment's list names the host that led to it.
        """
        never = self.never(ip, port)
        if never is not None:
            return never
        ip = meant(ip)
        kind = special(ip)
        if kind is not None and not self._is_opened(ip):
            return f"This is {kind}. {self._remedy(ip)}"
        if self._list.ports and port not in self._list.ports:
            return _PORT
        if self._list.has_places and not named and not self._list.holds(ip):
            return _PLACE
        return None

    def never(self, ip: IpAddress, port: int) -> str | None:
        """Why `ip` may not be dialled whatever is allowed: a metadata service or Waypost's own listener."""
        for end in carried(ip):
            if any(end in network for network in _ALWAYS_REFUSED):
                return _METADATA
            if any(port == own_port and _reaches(end, own) for own, own_port in self._own):
                return _OWN
        return None

    def _refused(self, found: Authority) -> str | None:
        if found.name in METADATA_NAMES:
            return _METADATA
        named = self._list.names(found.name)
        refusals = (self.refusal(ip, found.port, named=named) for ip in found.addresses)
        return next((words for words in refusals if words is not None), None) or self._unlisted(found, named)

    def _unlisted(self, found: Authority, named: bool) -> str | None:
        """Why the list keeps a host from being called whatever address it leads to."""
        if self._list.ports and found.port not in self._list.ports:
            return _PORT
        if named or found.addresses or not self._list.has_places:
            return None
        return None if self._list.cidrs and self._sees_addresses else _PLACE

    def _is_opened(self, ip: IpAddress) -> bool:
        if any(ip in network for network in self._allowed):
            return True
        return self._list.holds(ip) and any(ip in network for network in self._grantable)

    def _remedy(self, ip: IpAddress) -> str:
        if any(ip in network for network in self._grantable):
            return "An owner can put its network on the environment's egress list."
        return "An operator can allow its network in WAYPOST_ALLOWED_NETWORKS."


def _within(network: Network, wider: Network) -> bool:
    return network.version == wider.version and network.subnet_of(wider)  # type: ignore[arg-type]


def _reaches(ip: IpAddress, listener: IpAddress) -> bool:
    # Dialling 0.0.0.0 or :: reaches loopback, and all of loopback is one machine.
    if ip == listener or ip.is_unspecified or (ip.is_loopback and listener.is_loopback):
        return True
    return listener.is_unspecified and (ip.is_loopback or _is_of_this_machine(ip))


def _is_of_this_machine(ip: IpAddress) -> bool:
    """Whether the system would send from `ip` to `ip`; asking it this way sends no packet."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.connect((str(ip), 9))
            return ipaddress.ip_address(opened.getsockname()[0]) == ip
    except OSError:
        return False
