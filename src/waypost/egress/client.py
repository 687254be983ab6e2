"""The one HTTP client for outbound calls: guarded, bounded, without redirects, cookies or ambient settings.

A connection is judged by the address it is really opened to, whatever name led there. With an egress proxy the
address dialled is the proxy's: the proxy resolves names and must itself keep them off private networks, since here
only hosts written as addresses, `localhost` and metadata names can still be judged.

An environment's calls go through `within`: under its own list, over connections that no other list shares.
"""

import contextlib
import copy
import errno
import io
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import AddrInfoType, Connection
from yarl import URL

from waypost.egress import dialling
from waypost.egress import tls as tls_
from waypost.egress.addresses import IpAddress
from waypost.egress.failures import Attempt, Unreached, unreached
from waypost.egress.lists import EgressList
from waypost.egress.policy import Policy
from waypost.egress.resolver import Resolver

__all__ = ["Answer", "Client", "Unreached"]

_CONNECT_SECONDS = 10
# Shorter than the 5 s after which Node, uvicorn and Apache drop an idle connection: a request written into a
# connection that is just being dropped fails, and cannot be told from one that was processed.
_KEEP_ALIVE_SECONDS = 4
_STALE_CONNECTIONS = 3
_LARGE = 256 * 1024
_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

_running: ContextVar[Attempt] = ContextVar("waypost_egress_attempt")
"""The call on whose behalf aiohttp opens a socket or writes a request; it hands on no such thing itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side answered, redirects included; header names are lower-case.

    `complete` is false when the body was cut: longer than was asked for, or broken off after status and headers.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True


@dataclass(slots=True)
class _Wire:
    """What a client and those made `within` it share."""

    session: aiohttp.ClientSession | None = None
    resolver: AbstractResolver | None = None
    tls: ssl.SSLContext | None = None
    pools: dict[EgressList, int] = field(default_factory=dict)


class Client:
    """Sends requests to where `policy` lets them go. For one event loop: `start` in it, `close` in it.

    `proxy` is the only way out when given. `resolver` replaces the system's, and is asked for every connection.
    """

    def __init__(
        self, policy: Policy, *, proxy: str | None = None, resolver: AbstractResolver | None = None
    ) -> None:
        self._policy = policy
        self._proxy = URL(proxy) if proxy is not None else None
        self._injected = resolver
        self._wire = _Wire()
        self._pool: int | None = None

    async def start(self) -> None:
        """Makes the session in the running loop. Reads the system's certificates."""
        self._wire.resolver = self._injected or Resolver()
        self._wire.tls = tls_.context()
        connector = aiohttp.TCPConnector(
            socket_factory=self._open,
            resolver=self._wire.resolver,
            use_dns_cache=self._injected is None,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            limit=0,  # the engine bounds what is in flight; a queue here would be one more wait that nobody sees
        )
        self._wire.session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            request_class=_Request,
            skip_auto_headers=_OURS,
            headers={"User-Agent": "Waypost"},
        )

    async def close(self) -> None:
        """Closes every connection; calls still running end as `reset`. May be called twice."""
        if self._wire.session is not None and self._wire.resolver is not None:
            await self._wire.session.close()
            await self._wire.resolver.close()

    def within(self, listed: EgressList) -> "Client":
        """This client for an environment with that list. Costs little: make one for each call.

        Connections are shared between environments with equal lists only; start and close are the whole client's.
        """
        if listed.is_open:
            return self
        made = copy.copy(self)
        made._policy = self._policy.within(listed, sees_addresses=self._proxy is None)
        made._pool = self._wire.pools.setdefault(listed, len(self._wire.pools) + 1)
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
        call = _Call(method, _as_written(url), headers, body, most_bytes, tls or self._wire.tls)
        refusal = partial(self._refusal, named=self._policy.names(url))
        for _ in range(_STALE_CONNECTIONS):
            attempt = Attempt(
                seconds=timeout_seconds,
                connect_seconds=min(_CONNECT_SECONDS, timeout_seconds),
                https=call.url.scheme == "https",
                proxied=self._proxy is not None,
                refusal=refusal,
                pool=self._pool,
            )
            found = await self._attempt(call, attempt)
            if isinstance(found, Answer) or not attempt.was_stale(found):
                break
        return found

    async def dial(self, host: str, port: int, *, timeout_seconds: float) -> socket.socket | Unreached:
        """A connection for a protocol that is not HTTP, by the same policy and the same way out.

        The socket is connected and the caller's to close. Never raises for what the other side does.
        """
        if self._wire.resolver is None:
            raise RuntimeError("the client is not started")
        where = f"https://{f'[{host}]' if ':' in host else host}:{port}/"
        fault = self._policy.fault(where, https_only=False, pointer="")
        if fault is not None:
            return Unreached(fault.code, fault.detail, False)
        judged = partial(self._judged, named=self._policy.names(where))
        way = dialling.Way(self._wire.resolver, judged, self._proxy)
        return await dialling.dial(way, host, port, seconds=timeout_seconds)

    async def _attempt(self, call: "_Call", attempt: Attempt) -> Answer | Unreached:
        if self._wire.session is None:
            raise RuntimeError("the client is not started")
        upload = aiohttp.UploadTracker()
        token = _running.set(attempt)
        try:
            async with self._wire.session.request(
                call.method,
                call.url,
                headers=call.headers,
                data=_payload(call.body),
                allow_redirects=False,
                proxy=self._proxy,
                ssl=call.tls or True,
                timeout=aiohttp.ClientTimeout(total=attempt.seconds, connect=attempt.connect_seconds),
                upload_tracker=upload,
            ) as response:
                return await _answer(response, call.most_bytes)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            attempt.sent = _was_sent(upload)
            return unreached(error, attempt)
        finally:
            _running.reset(token)
            attempt.drop_unsent()

    def _refusal(self, host: str, port: int, *, named: bool) -> str | None:
        return self._judged(ipaddress.ip_address(host), port, named=named)

    def _judged(self, ip: IpAddress, port: int, *, named: bool) -> str | None:
        # The operator chose the proxy, so it may be private; no socket is opened to anything else.
        return self._policy.refusal(ip, port, named=named) if self._proxy is None else self._policy.never(ip, port)

    @staticmethod
    def _open(where: AddrInfoType) -> socket.socket:
        """A socket for the address about to be dialled. Raises PermissionError when the policy refuses it."""
        family, kind, protocol, _, address = where
        attempt = _running.get()
        refusal = attempt.refusal(str(address[0]), int(address[1]))
        if refusal is not None:
            attempt.refusals.append(refusal)
            raise PermissionError(errno.EACCES, "refused by the egress policy")
        attempt.dialled += 1
        return socket.socket(family, kind, protocol)


class _Request(aiohttp.ClientRequest):
    """Tells the attempt which connection it goes over, and takes none opened under another egress list."""

    @property
    def connection_key(self) -> ConnectionKey:
        """aiohttp's own; this member of it is otherwise None here, for we send no headers to a proxy."""
        return super().connection_key._replace(proxy_headers_hash=_running.get().pool)

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        _running.get().transport = conn.transport
        return await super().send(conn)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes
    most_bytes: int
    tls: ssl.SSLContext | None


def _as_written(url: str) -> URL:
    # An ASCII URL goes out letter by letter: signed ones break when they are put in order.
    return URL(url, encoded=url.isascii())


def _payload(body: bytes) -> io.BytesIO | bytes | None:
    # A large body is written in pieces, not in one go that holds up the loop.
    return (io.BytesIO(body) if len(body) > _LARGE else body) or None


def _was_sent(upload: aiohttp.UploadTracker) -> bool:
    done = upload.upload_complete
    return done.done() and not done.cancelled() and done.exception() is None


async def _answer(response: aiohttp.ClientResponse, most_bytes: int) -> Answer:
    _acknowledge(response)
    body, complete = await _read(response, most_bytes)
    names = dict.fromkeys(name.lower() for name in response.headers)
    headers = {name: ", ".join(response.headers.getall(name)) for name in names}
    return Answer(response.status, headers, body, complete)


def _acknowledge(response: aiohttp.ClientResponse) -> None:
    """Acknowledge the headers at once when the body is still to come.

    Servers that write the two apart hold the body back until then (Nagle), and Linux would take its 40 ms.
    """
    transport = response.connection.transport if response.connection is not None else None
    opened = transport.get_extra_info("socket") if transport is not None else None
    if opened is not None and hasattr(socket, "TCP_QUICKACK"):
        # A connection that has just gone takes no options; the answer stands all the same.
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> tuple[bytes, bool]:
    """At most so many bytes, and whether that is all; a connection not read to its end is closed."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk[: most_bytes + 1 - len(body)]
            if len(body) > most_bytes:
                response.close()
                return bytes(body[:most_bytes]), False
    except (aiohttp.ClientError, OSError):
        # Status and headers decide; a body that breaks off changes nothing about what the other side has accepted.
        response.close()
        return bytes(body), False
    return bytes(body), True
