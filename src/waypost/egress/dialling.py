"""A connection for what is not HTTP: looked up, judged at the address it is really opened to, and handed over.

With an egress proxy it is a tunnel through that (`CONNECT`), as the HTTP client's calls are.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from waypost.egress.addresses import IpAddress
from waypost.egress.failures import CONNECT, Unreached

Refusal = Callable[[IpAddress, int], str | None]
"""Why an address may not be dialled; None when it may."""

_MOST_HEAD = 16_384


@dataclass(frozen=True, slots=True)
class Way:
    """How connections are made: who looks names up and judges addresses; the proxy, if it is the only way out."""

    resolver: AbstractResolver
    refusal: Refusal
    proxy: URL | None


async def dial(way: Way, host: str, port: int, *, seconds: float) -> socket.socket | Unreached:
    """A connected, non-blocking socket to `host`, the caller's to close; never raises for the other side."""
    try:
        async with asyncio.timeout(seconds):
            if way.proxy is None:
                return await _direct(way, host, port)
            return await _tunnel(way, way.proxy, host, port)
    except TimeoutError:
        return Unreached("timeout", f"No connection within {seconds:g} s.", False)


async def _direct(way: Way, host: str, port: int) -> socket.socket | Unreached:
    try:
        found = await way.resolver.resolve(host, port, socket.AF_UNSPEC)
    except OSError:
        return Unreached("dns", "The name of the host does not resolve.", False)
    allowed = [each for each in found if way.refusal(ipaddress.ip_address(each["host"]), port) is None]
    if found and not allowed:
        words = way.refusal(ipaddress.ip_address(found[0]["host"]), port)
        return Unreached("address_not_allowed", f"The host leads to a refused address. {words}", False)
    return await _first(allowed)


async def _first(addresses: Sequence[ResolveResult]) -> socket.socket | Unreached:
    """The first address that answers."""
    last = OSError(errno.EHOSTUNREACH, "nowhere to go")
    for each in addresses:
        family = socket.AF_INET6 if ":" in each["host"] else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            await asyncio.get_running_loop().sock_connect(opened, (each["host"], each["port"]))
            return opened
        except OSError as error:
            opened.close()
            last = error
        except BaseException:
            opened.close()
            raise
    return Unreached("connect", f"The host {CONNECT.get(last.errno or 0, 'could not be connected to')}.", False)


async def _tunnel(way: Way, proxy: URL, host: str, port: int) -> socket.socket | Unreached:
    if proxy.scheme != "http" or proxy.host is None:
        return Unreached("connect", "Mail goes through an egress proxy only when that is an http:// one.", False)
    opened = await _direct(way, proxy.host, proxy.port or 80)
    if isinstance(opened, Unreached):
        return Unreached(opened.code, f"The egress proxy could not be used. {opened.reason}", False)
    try:
        status = await _connect(opened, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except BaseException as error:
        opened.close()
        if not isinstance(error, OSError):
            raise
        return Unreached("connect", "The egress proxy closed the connection while it was being set up.", False)
    if status != b"200":
        opened.close()
        answered = status.decode("ascii", "replace") if status.isdigit() else "nonsense"
        words = f"The egress proxy answered {answered} to the request for a tunnel."
        return Unreached("connect", words, False)
    return opened


async def _connect(opened: socket.socket, authority: str) -> bytes:
    """Ask for a tunnel; the status that is answered. Reads not one byte of what comes after the answer's head."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(opened, f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = await loop.sock_recv(opened, 1)
        if not byte or len(head) > _MOST_HEAD:
            raise ConnectionResetError
        head += byte
    return head.split(b" ", 2)[1] if head.count(b" ") else b""
