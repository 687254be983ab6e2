"""The bytes of a request's head: as given, with nothing added but what HTTP needs. Pure.

No header can end its line, so that nothing which is put in one can become a second header or a second request.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from yarl import URL

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_WITHOUT_LENGTH = frozenset({"GET", "HEAD", "OPTIONS", "CONNECT"})
_OURS = frozenset({"host", "user-agent", "content-length", "transfer-encoding"})


class Unwritable(Exception):
    """A method or a header that HTTP does not allow, or that would contradict how the body is sent."""


@dataclass(frozen=True, slots=True)
class UrlParts:
    """Where a URL leads, as a request says it: `authority` is its host, with the port unless that is the usual."""

    https: bool
    host: str
    port: int
    authority: str
    target: str


@lru_cache(maxsize=4096)
def parts_of(url: str) -> UrlParts | None:
    """Where `url` leads; None when it cannot be asked for.

    An ASCII URL goes out letter by letter: signed ones break when they are put in order.
    """
    if _CONTROL.search(url):  # which yarl leaves out here and encodes there
        return None
    try:
        read = URL(url, encoded=url.isascii())
        host, port, authority = read.raw_host, read.port, read.host_port_subcomponent
    except ValueError:
        return None
    if host is None or port is None or authority is None:
        return None
    if not _VISIBLE.fullmatch(authority) or not _VISIBLE.fullmatch(read.raw_path_qs):
        return None
    return UrlParts(read.scheme == "https", host, port, authority, read.raw_path_qs)


def head(method: str, target: str, authority: str, headers: Mapping[str, str], length: int) -> bytes:
    """The head of a request with a body of that length. Raises Unwritable."""
    _require(_TOKEN.fullmatch(method) is not None)
    host, agent, lines = authority, "Waypost", []
    for name, value in headers.items():
        _require(_TOKEN.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None)
        match name.lower() if name.lower() in _OURS else "":
            case "host":
                host = value
            case "user-agent":
                agent = value
            case "transfer-encoding":
                raise Unwritable
            case "content-length":
                _require(value == str(length))
            case _:
                lines.append(f"{name}: {value}\r\n")
    if length or method not in _WITHOUT_LENGTH:
        lines.append(f"Content-Length: {length}\r\n")
    made = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n{''.join(lines)}\r\n"
    try:
        return made.encode()
    except UnicodeEncodeError:
        raise Unwritable from None


def _require(allowed: bool) -> None:
    if not allowed:
        raise Unwritable
