"""A URL as a destination writes it, taken apart more strictly than any client does. Pure.

What two parsers could read differently is refused, so that the host that was judged is the host that is dialled.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from urllib.parse import unquote

from yarl import URL

from waypost.egress.addresses import IpAddress, ipv4_readings

LONGEST = 2048

_URL = re.compile(r"(https?)://([^/?]*)(?:[/?].*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([^\[\]]*)\]|([^\[\]:]*))(?::(.*))?")
_PORT = re.compile(r"[0-9]{1,5}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


@dataclass(frozen=True, slots=True)
class Authority:
    """Where a URL leads.

    `name` is the host in its plainest form, `addresses` every address it can be read as without asking DNS.
    `wrong` is what keeps the URL from being used although it can be read; None when nothing does.
    """

    https: bool
    name: str
    port: int
    addresses: tuple[IpAddress, ...]
    wrong: str | None


@lru_cache(maxsize=4096)
def authority_of(url: str) -> Authority | str:
    """Where `url` leads, or the words for what is wrong with it."""
    if len(url) > LONGEST:
        return f"A URL has at most {LONGEST} characters."
    if any(character == "\\" or unicodedata.category(character)[0] in "CZ" for character in url):
        return "A URL has no spaces, control characters or backslashes; percent-encode them."
    if "#" in url:
        return "A URL here has no fragment; leave out `#` and what follows it."
    found = _URL.fullmatch(url)
    if found is None:
        return "This must be an absolute URL that begins with https:// or http://."
    return _authority(found[1].lower() == "https", found[2])


def _authority(https: bool, authority: str) -> Authority | str:
    if "@" in authority:
        return "A URL here has no user or password; use an auth credential for them."
    found = _AUTHORITY.fullmatch(authority)
    if found is None or not (found[1] or found[2]):
        return "The URL needs a host, as in https://example.com/path."
    port = _port(found[3], https)
    if port is None:
        return "The port of a URL is a number from 1 to 65535."
    return _bracketed(https, found[1], port) if found[1] is not None else _named(https, found[2], port)


def _port(text: str | None, https: bool) -> int | None:
    if text is None:
        return 443 if https else 80
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        return None
    return int(text)


def _bracketed(https: bool, host: str, port: int) -> Authority | str:
    address, _, zone = unquote(host).partition("%")
    try:
        ip = ipaddress.IPv6Address(address)
    except ValueError:
        return "What stands in brackets must be an IPv6 address."
    wrong = None if address == host and not zone else "Write the IPv6 address without a zone and percent-encoding."
    return Authority(https, str(ip), port, (ip,), wrong)


def _named(https: bool, host: str, port: int) -> Authority:
    ascii_host = _ascii(host)
    forms = dict.fromkeys([_plain(host), *([_plain(ascii_host)] if ascii_host else [])])
    readings = [ip for form in forms for ip in _addresses(form)]
    name = next(reversed(forms))
    return Authority(https, name, port, tuple(dict.fromkeys(readings)), _misspelled(host, ascii_host, readings))


def _ascii(host: str) -> str | None:
    """The host as it is put on the wire, by the client's own rules; None when it cannot be."""
    try:
        return URL(f"http://{host}/").raw_host
    except ValueError:
        return None


def _plain(host: str) -> str:
    """The host as the most forgiving reader takes it."""
    text = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".")
    return text.lower().rstrip(".")


def _addresses(name: str) -> tuple[IpAddress, ...]:
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return (IPv4Address("127.0.0.1"),)
    return ipv4_readings(name)


def _misspelled(host: str, ascii_host: str | None, readings: list[IpAddress]) -> str | None:
    if "%" in host:
        return "Write the host without percent-encoding."
    name = (ascii_host or "").lower().removesuffix(".")
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        plain = [str(ip) for ip in readings] == [host]
        return None if plain else "Write an IPv4 address as four decimal numbers with dots between."
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "The host of the URL is not a name that can be looked up."
    return None
