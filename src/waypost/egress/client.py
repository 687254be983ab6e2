"""The one HTTP client for outbound calls: guarded, bounded, without redirects, cookies or ambient settings.

A connection is judged by the address it is really opened to, whatever name led there. With an egress proxy the
address dialled is the proxy's: the proxy resolves names and must itself keep them off private networks, since here
only hosts written as addresses, `localhost` and metadata names can still be judged.

An environment's calls go through `within`: under its own list, over connections that no other list shares.
"""

import asyncio
import copy
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from yarl import URL

from waypost.egress import dialling, opening
from waypost.egress import tls as tls_
from waypost.egress.addresses import IpAddress
from waypost.egress.dialling import Way
from waypost.egress.failures import Unreached, failed
from waypost.egress.http1 import requests
from waypost.egress.http1.answers import Answer, Malformed, Reading
from waypost.egress.http1.connection import Connection
from waypost.egress.http1.pool import Pool
from waypost.egress.http1.requests import Unwritable, UrlParts
from waypost.egress.lists import OPEN, EgressList
from waypost.egress.opening import ConnectionWanted, Proxy
from waypost.egress.policy import Policy
from waypost.egress.resolver import Names, Resolver

__all__ = ["Answer", "Client", "Unreached"]

_CONNECT_SECONDS = 10
_STALE_CONNECTIONS = 3
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


@dataclass(slots=True)
class _Wire:
    """What a client and those made `within` it share."""

    pool: Pool
    names: Names
    tls: ssl.SSLContext
    proxy: Proxy | None


class Client:
    """Sends requests to where `policy` lets them go. For one event loop: `start` in it, `close` in it.

    `proxy` is the only way out when given. `resolver` replaces the system's, and is asked for every connection.
    """

    def __init__(self, policy: Policy, *, proxy: str | None = None, resolver: Names | None = None) -> None:
        self._policy = policy
        self._list = OPEN
        self._proxy = URL(proxy) if proxy is not None else None
        self._injected = resolver
        self._shared: list[_Wire] = []

    async def start(self) -> None:
        """Get ready in the running loop. Reads the system's certificates."""
        tls = tls_.context()
        by = opening.proxy(self._proxy, tls) if self._proxy is not None else None
        self._shared[:] = [_Wire(Pool(), self._injected or Resolver(), tls, by)]

    async def close(self) -> None:
        """Closes every connection; calls still running end as `reset`. May be called twice."""
        for wire in self._shared:
            wire.pool.close()
            await wire.names.close()
        self._shared.clear()

    def within(self, listed: EgressList) -> "Client":
        """This client for an environment with that list. Costs little: make one for each call.

        Connections are shared between environments with equal lists only; start and close are the whole client's.
        """
        if listed.is_open:
            return self
        made = copy.copy(self)
        made._policy = self._policy.within(listed, sees_addresses=self._proxy is None)
        made._list = listed
        return made

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_seconds: float,
        https_only: bool,
        most_bytes: int = 65536,
        tls: ssl.SSLContext | None = None,
    ) -> Answer | Unreached:
        """One request and its answer, redirects not followed; never raises for what the other side does.

        `timeout_seconds` is for the whole call, at most 10 s of it for connecting. Of the answer's body at most
        `most_bytes` are read. `tls` replaces the default context. Connections are pooled per host and context, so
        whoever has a context of their own keeps it. When a kept connection turns out to be closed before the
        request was written, another is taken; idempotent methods (GET, PUT) are sent once more even after that.
        """
        fault = self._policy.fault(url, https_only=https_only, pointer="")
        if fault is not None:
            return Unreached(fault.code, fault.detail, False)
        place = requests.parts_of(url)
        if place is None:
            return Unreached("invalid_url", "The URL cannot be called; write its host plainly.", False)
        wire = self._wire()
        context = (tls or wire.tls) if place.https else None
        try:
            head = _head(method, place, wire.proxy, headers, len(body))
        except Unwritable:
            return Unreached("protocol", "The request holds a header that HTTP does not allow.", False)
        call = _Call(method, url, place, head, body, most_bytes, context, timeout_seconds)
        return await self._sent(wire, call, asyncio.get_running_loop().time() + timeout_seconds)

    async def dial(self, host: str, port: int, *, timeout_seconds: float) -> socket.socket | Unreached:
        """A connection for a protocol that is not HTTP, by the same policy and the same way out.

        The socket is connected and the caller's to close. Never raises for what the other side does.
        """
        wire = self._wire()
        where = f"https://{f'[{host}]' if ':' in host else host}:{port}/"
        fault = self._policy.fault(where, https_only=False, pointer="")
        if fault is not None:
            return Unreached(fault.code, fault.detail, False)
        return await dialling.dial(self._way(wire, where), host, port, seconds=timeout_seconds)

    async def _sent(self, wire: _Wire, call: "_Call", until: float) -> Answer | Unreached:
        """Send over a kept connection or a new one; over another when a kept one was closed meanwhile."""
        key = (self._list, call.place.host, call.place.port, call.tls)
        again = call.method in _IDEMPOTENT
        for _ in range(_STALE_CONNECTIONS):
            found = wire.pool.take(key) or await self._opened(wire, call, until)
            if isinstance(found, Unreached):
                return found
            kept = not found.fresh
            reading = Reading(call.most_bytes, bodiless=call.method == "HEAD")
            try:
                await found.exchange(call.head, call.body, reading, until)
            except (OSError, Malformed) as error:
                lost = failed(
                    error, sent=found.sent, seconds=call.seconds,
                    maybe_identity=call.tls is not None and not kept, proxied=wire.proxy is not None,
                )  # fmt: skip
                if lost.code != "reset" or not kept or (found.sent and not again):
                    return lost
                again = again and not found.sent
                continue
            if call.tls is not None and not kept:
                tls_.remember(found.layer)
            if reading.may_follow and found.sent:
                wire.pool.give(key, found)
            return reading.answer()
        return lost

    async def _opened(self, wire: _Wire, call: "_Call", until: float) -> Connection | Unreached:
        """A new connection, made in a part of the time at most."""
        left = until - asyncio.get_running_loop().time()
        seconds = min(_CONNECT_SECONDS, call.seconds, left)
        wanted = ConnectionWanted(call.place.host, call.place.port, call.tls, wire.proxy, seconds)
        return await opening.opened(self._way(wire, call.url), wanted, wire.pool)

    def _wire(self) -> _Wire:
        if not self._shared:
            raise RuntimeError("the client is not started")
        return self._shared[0]

    def _way(self, wire: _Wire, url: str) -> Way:
        return Way(wire.names, partial(self._judged, named=self._policy.names(url)), self._proxy)

    def _judged(self, ip: IpAddress, port: int, *, named: bool) -> str | None:
        # The operator chose the proxy, so it may be private; no socket is opened to anything else.
        return self._policy.refusal(ip, port, named=named) if self._proxy is None else self._policy.never(ip, port)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    place: UrlParts
    head: bytes = field(repr=False)
    body: bytes = field(repr=False)
    most_bytes: int
    tls: ssl.SSLContext | None
    seconds: float


def _head(method: str, place: UrlParts, by: Proxy | None, headers: Mapping[str, str], length: int) -> bytes:
    """The head, as the host is told it, or as the proxy is that asks for us what is not under TLS."""
    if by is None or place.https:
        return requests.head(method, place.target, place.authority, headers, length)
    target = f"http://{place.authority}{place.target}"
    return requests.head(method, target, place.authority, {**headers, **by.headers}, length)
