"""The egress list of an environment: where its calls may go, within what the operator lets anybody reach. Pure.

A list narrows. With hosts or CIDRs on it, a call goes only to a host that it names or to an address in one of its
networks; with ports, only to these. What is always refused stays refused, and a private network is open only where
the operator says so (`policy.py`).
"""

import ipaddress
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from waypost.egress.addresses import IpAddress, special
from waypost.settings import Network

MOST_CIDRS = 100
MOST_HOSTS = 200
MOST_PORTS = 100

_HOST = re.compile(
    r"(?:\*\.)?(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LOOPBACK = ipaddress.IPv6Network("::1/128")
_IPV4_IN_IPV6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
    )
)


@dataclass(frozen=True, slots=True)
class EgressList:
    """Networks, hosts (`ehr.example.org`, or `*.example.org` for everything below it) and ports."""

    cidrs: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nothing is on it, so that it narrows nothing."""
        return not (self.cidrs or self.hosts or self.ports)

    @property
    def has_places(self) -> bool:
        """Whether it says where to call, not only at which ports."""
        return bool(self.cidrs or self.hosts)

    def names(self, host: str) -> bool:
        """Whether it names this host: in lower case, without a trailing dot."""
        return any(
            host.endswith(each[1:]) and len(host) >= len(each) if each.startswith("*.") else host == each
            for each in self.hosts
        )

    def holds(self, ip: IpAddress) -> bool:
        """Whether an address is in one of its networks."""
        return any(ip in network for network in self.cidrs)

    def shown(self) -> dict[str, Any]:
        """The list as the API shows it."""
        return {"cidrs": [str(each) for each in self.cidrs], "hosts": [*self.hosts], "ports": [*self.ports]}


OPEN = EgressList()
"""The list of an environment that has none."""


def dumped(listed: EgressList) -> str | None:
    """The list as it is stored; None for one with nothing on it."""
    return None if listed.is_open else json.dumps(listed.shown())


@lru_cache(maxsize=1024)
def loaded(text: str | None) -> EgressList:
    """The list as it was stored."""
    if text is None:
        return OPEN
    found = json.loads(text)
    return EgressList(
        tuple(ipaddress.ip_network(each) for each in found["cidrs"]), tuple(found["hosts"]), tuple(found["ports"])
    )


def network(text: str) -> Network | str:
    """The network that a line of the list stands for, or the words for what is wrong with it."""
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "This must be a network, such as 203.0.113.0/24 or 2001:db8:7::/48."
    if isinstance(found, ipaddress.IPv6Network):
        if "%" in text:
            return "A network has no zone."
        if found != _LOOPBACK and found.prefixlen and any(found.subnet_of(block) for block in _IPV4_IN_IPV6):
            return "This is IPv4 inside IPv6: write the IPv4 network itself."
    if str(found).partition("/")[0] != str(ipaddress.ip_interface(text).ip):
        return f"This has bits behind its prefix; the network is {found}."
    return found


def host(text: str) -> str | None:
    """What is wrong with a line for a host, in words; None when nothing is."""
    if _NUMERIC.fullmatch(text) or ":" in text:
        return "This is an address; put it among the cidrs, with /32 or /128 behind it."
    if not _HOST.fullmatch(text):
        return "This must be a host name in lower-case ASCII, or *. and one for everything below it."
    return None


def kind(found: Network) -> str | None:
    """What keeps a whole network off the open internet; None for one with public addresses in it."""
    if found.prefixlen == 0:
        return None
    first, last = special(found[0]), special(found[-1])
    return first if first is not None and first == last else None
