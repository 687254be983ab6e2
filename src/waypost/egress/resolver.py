"""Names to addresses on threads of our own.

The event loop's own pool is small and shared: a few destinations with a name server that hangs would stop the
look-ups of all others, and whatever else uses that pool.
"""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

_THREADS = 32
_KEPT_SECONDS = 10.0
_MOST_KEPT = 1000

Addresses = Sequence[Mapping[str, object]]
"""The addresses of a name, each as `host`."""


class Names(Protocol):
    """Who looks names up."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = ...) -> Addresses:
        """Every address of `host`. Raises OSError when there is none."""
        ...

    async def close(self) -> None:
        """Give up look-ups that have not begun."""
        ...


class Resolver:
    """The system's resolver; what it answers is kept for a few seconds, and judged whenever it is dialled."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="waypost-dns")
        self._looking: dict[str, asyncio.Future[Addresses]] = {}
        self._kept: dict[str, tuple[float, Addresses]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Addresses:
        """Every address of `host`: one look-up for all who ask at the same time."""
        until, found = self._kept.get(host, (0.0, []))
        if time.monotonic() < until:
            return found
        looking = self._looking.get(host)
        if looking is None:
            loop = asyncio.get_running_loop()
            looking = self._looking[host] = loop.run_in_executor(self._threads, _addresses, host, port, family)
            looking.add_done_callback(lambda done: self._found(host, done))
        return await asyncio.shield(looking)

    async def close(self) -> None:
        """See `Names.close`."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _found(self, host: str, done: "asyncio.Future[Addresses]") -> None:
        del self._looking[host]
        if not done.cancelled() and done.exception() is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[host] = (time.monotonic() + _KEPT_SECONDS, done.result())


def _addresses(host: str, port: int, family: socket.AddressFamily) -> Addresses:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a name") from error
    return [{"host": str(address[0])} for *_, address in found]
