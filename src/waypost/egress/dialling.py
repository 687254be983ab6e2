"""A connected socket: looked up, judged at the address it is really opened to, and handed over.

With an egress proxy what is not HTTP gets a tunnel through that (`CONNECT`); HTTP makes its own (`opening.py`).
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from yarl import URL

from waypost.egress.addresses import IpAddress
from waypost.egress.failures import HOST, PROXY, Unreached, unconnected, unresolved
from waypost.egress.resolver import Names

Judge = Callable[[IpAddress, int], str | None]
"""Why an address may not be dialled; None when it may."""

_MOST_HEAD = 16_384
_NEXT_SECONDS = 0.25
"""How long an address has for itself before the next one is tried beside it (RFC 8305)."""


@dataclass(frozen=True, slots=True)
class Way:
    """How connections are made: who looks names up and judges addresses; the proxy, if it is the only way out."""

    names: Names
    refusal: Judge
    proxy: URL | None


async def dial(way: Way, host: str, port: int, *, seconds: float) -> socket.socket | Unreached:
    """A connected, non-blocking socket to `host`, the caller's to close; never raises for the other side."""
    try:
        async with asyncio.timeout(seconds):
            if way.proxy is None:
                return await connected(way, host, port, HOST)
            return await _tunnel(way, way.proxy, host, port)
    except TimeoutError:
        return Unreached("timeout", f"No connection within {seconds:g} s.", False)


async def connected(way: Way, host: str, port: int, who: str) -> socket.socket | Unreached:
    """A connected, non-blocking socket; `who` is what the host is called when there is none."""
    try:
        found = await _looked_up(way, host, port)
    except OSError as error:
        return Unreached("dns", unresolved(error, who), False)
    refusals = [way.refusal(ip, port) for ip in found]
    allowed = [ip for ip, refusal in zip(found, refusals, strict=True) if refusal is None]
    refused = next((refusal for refusal in refusals if refusal is not None), None)
    if refused is not None and not allowed:
        return Unreached("address_not_allowed", f"The host leads to a refused address. {refused}", False)
    try:
        return await _first(_by_turns(allowed), port)
    except OSError as error:
        return unconnected(error, who, some_refused=refused is not None)


async def _looked_up(way: Way, host: str, port: int) -> list[IpAddress]:
    """The addresses of a host. Raises OSError."""
    with suppress(ValueError):
        return [ipaddress.ip_address(host)]
    found = await way.names.resolve(host, port, socket.AF_UNSPEC)
    return [ipaddress.ip_address(str(each["host"])) for each in found]


def _by_turns(found: Sequence[IpAddress]) -> list[IpAddress]:
    """IPv6 and IPv4 by turns, so that a family that leads nowhere costs one wait; else in the order given."""
    kinds = [[ip for ip in found if ip.version == version] for version in (6, 4)]
    if found and found[0].version == 4:
        kinds.reverse()
    longest = max(map(len, kinds))
    return [kind[place] for place in range(longest) for kind in kinds if place < len(kind)]


async def _first(addresses: Sequence[IpAddress], port: int) -> socket.socket:
    """A socket to the first address that takes the connection. Raises OSError, the last one's."""
    trying: set[asyncio.Task[socket.socket]] = set()
    left, last = list(addresses), OSError(errno.EHOSTUNREACH, "nowhere to go")
    try:
        while left or trying:
            if left:
                trying.add(asyncio.create_task(_connect(left.pop(0), port)))
            done, trying = await asyncio.wait(
                trying, timeout=_NEXT_SECONDS if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    done.discard(task)
                    _give_up(done)
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                last = error
        raise last
    finally:
        _give_up(trying)


def _give_up(trying: "set[asyncio.Task[socket.socket]]") -> None:
    """End what is tried; what was connected all the same is closed."""
    for task in trying:
        task.cancel()
        task.add_done_callback(_close)


def _close(task: "asyncio.Task[socket.socket]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(ip: IpAddress, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, (str(ip), port))
    except BaseException:
        opened.close()
        raise
    return opened


async def _tunnel(way: Way, proxy: URL, host: str, port: int) -> socket.socket | Unreached:
    if proxy.scheme != "http" or proxy.host is None:
        return Unreached("connect", "Mail goes through an egress proxy only when that is an http:// one.", False)
    opened = await connected(way, proxy.host, proxy.port or 80, PROXY)
    if isinstance(opened, Unreached):
        return opened
    try:
        status = await _ask(opened, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
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


async def _ask(opened: socket.socket, authority: str) -> bytes:
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
