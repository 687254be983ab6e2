"""Internet addresses: what an address stands for, and whether it belongs to the open internet. Pure.

The ranges are the IANA special-purpose registries, written out because `ipaddress` knows a different set in every
release of Python.
"""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address

from waypost.settings import Network

IpAddress = IPv4Address | IPv6Address

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_OCTAL = re.compile(r"0[0-7]+")
_LOW_32 = 0xFFFF_FFFF
_NAT64 = 0x0064_FF9B << 64
_NAT64_LOCAL = 0x0064_FF9B_0001
_TRANSLATED = 0xFFFF_0000


_KINDS = {
    "loopback": "127.0.0.0/8 ::1/128",
    "unspecified": "0.0.0.0/8 ::/128",
    "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7",
    "link-local": "169.254.0.0/16 fe80::/10",
    "carrier NAT": "100.64.0.0/10",
    "multicast": "224.0.0.0/4 ff00::/8",
    "documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20",
    "benchmarking": "198.18.0.0/15",
    "site-local": "fec0::/10",
    "reserved": "192.0.0.0/24 192.88.99.0/24 240.0.0.0/4 2001::/23",
}
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(block), kind) for kind, blocks in _KINDS.items() for block in blocks.split()
)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


def special(ip: IpAddress) -> str | None:
    """What keeps `ip` off the open internet, as "a private address (10.0.0.0/8)"; None when nothing does."""
    for network, kind in _SPECIAL:
        if ip in network:
            return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} address ({network})"
    if not ip.is_global or (ip.version == 6 and ip not in _GLOBAL_UNICAST):
        return "a reserved address"
    return None


def meant(ip: IpAddress) -> IpAddress:
    """The address that `ip` is a spelling of.

    IPv4 inside IPv6 (mapped, compatible, translated, NAT64, 6to4) is that IPv4 address; a zone id is dropped.
    """
    if isinstance(ip, IPv4Address):
        return ip
    value = int(ip)
    if value >> 112 == 0x2002:
        return IPv4Address(value >> 80 & _LOW_32)
    if value >> 32 in {0xFFFF, _TRANSLATED, _NAT64} or 1 < value <= _LOW_32:
        return IPv4Address(value & _LOW_32)
    return IPv6Address(value)


def carried(ip: IpAddress) -> tuple[IpAddress, ...]:
    """Every address that a packet to `ip` could end at, `meant(ip)` first.

    Besides the spellings of `meant`: Teredo (server and client), NAT64 under a local prefix, ISATAP.
    """
    first = meant(ip)
    if isinstance(first, IPv4Address):
        return (first,)
    value = int(first)
    inside: list[int] = []
    if value >> 96 == 0x2001_0000:
        inside = [value >> 64, ~value]
    elif value >> 80 == _NAT64_LOCAL:
        inside = [value, (value >> 64 & 0xFFFF) << 16 | (value >> 40 & 0xFFFF)]
    elif value >> 32 & 0xFDFF_FFFF == 0x5EFE:
        inside = [value]
    return (first, *(IPv4Address(each & _LOW_32) for each in inside))


def ipv4_readings(text: str) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that some reader takes `text` for: one to four numbers, decimal, octal or hexadecimal.

    A leading zero is octal for some and decimal for others, so there may be two. Empty when it is no address.
    """
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return ()
    readings = (_joined([_number(part, octal) for part in parts]) for octal in (True, False))
    return tuple(dict.fromkeys(reading for reading in readings if reading is not None))


def _number(part: str, octal: bool) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if octal and _OCTAL.fullmatch(part) else 10)


def _joined(numbers: list[int]) -> IPv4Address | None:
    *front, last = numbers
    if any(number > 255 for number in front) or last >= 256 ** (4 - len(front)):
        return None
    return IPv4Address(sum(number << 24 - 8 * place for place, number in enumerate(front)) + last)
