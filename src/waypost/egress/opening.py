"""A connection for HTTP: dialled, through the egress proxy if there is one, and under TLS where that is asked."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from waypost.egress import dialling
from waypost.egress.dialling import Way
from waypost.egress.failures import HOST, PROXY, Unreached, insecure, unconnected
from waypost.egress.http1 import requests
from waypost.egress.http1.answers import Malformed, Reading
from waypost.egress.http1.connection import Connection
from waypost.egress.http1.pool import Pool

_USUAL = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """The egress proxy. `headers` are for it alone; `tls` is for the connection with itself, if it wants that."""

    host: str
    port: int
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None


def proxy(url: URL, tls: ssl.SSLContext) -> Proxy:
    """The proxy at a URL, whose user and password it is asked with."""
    headers = {}
    if url.user is not None:
        given = f"{url.user}:{url.password or ''}".encode("latin-1", "replace")
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(given).decode()}"
    port = url.port or _USUAL[url.scheme]
    return Proxy(url.raw_host or "", port, headers, tls if url.scheme == "https" else None)


@dataclass(frozen=True, slots=True)
class ConnectionWanted:
    """Which connection: to `host`, under `tls` if given, through `by` if given, with so much time to be made."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    by: Proxy | None
    seconds: float


async def opened(way: Way, wanted: ConnectionWanted, pool: Pool) -> Connection | Unreached:
    """The connection, counted in `pool`; never raises for what the other side does."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wanted.seconds
    made: Connection | None = None
    try:
        async with asyncio.timeout_at(until):
            to = wanted.by or wanted
            link = await dialling.connected(way, to.host, to.port, PROXY if wanted.by else HOST)
            if isinstance(link, Unreached):
                return link
            made = await _spoken(link, to, pool)
            if wanted.by is not None and wanted.tls is not None:
                return await _through(made, wanted, wanted.by, wanted.tls, until)
            return made
    except BaseException as error:
        if made is not None:
            made.drop()
        if isinstance(error, ssl.SSLError):
            return insecure(error, proxied=wanted.by is not None)
        if isinstance(error, TimeoutError):
            return Unreached("timeout", f"No connection within {wanted.seconds:g} s.", False)
        if isinstance(error, OSError | Malformed):
            found = error if isinstance(error, OSError) else ConnectionResetError()
            return unconnected(found, PROXY if wanted.by is not None else HOST)
        raise


async def _spoken(link: socket.socket, to: ConnectionWanted | Proxy, pool: Pool) -> Connection:
    """A connection over that socket. Raises OSError, ssl.SSLError."""
    made = Connection(link, pool.ended)
    name = to.host.rstrip(".") if to.tls is not None else None
    await asyncio.get_running_loop().create_connection(lambda: made, sock=link, ssl=to.tls, server_hostname=name)
    pool.opened(made)
    return made


async def _through(
    made: Connection, wanted: ConnectionWanted, by: Proxy, tls: ssl.SSLContext, until: float
) -> Connection | Unreached:
    """The same connection as a tunnel to the host, under its TLS. Raises OSError, ssl.SSLError, Malformed."""
    authority = f"[{wanted.host}]:{wanted.port}" if ":" in wanted.host else f"{wanted.host}:{wanted.port}"
    asked = Reading(0, tunnel=True)
    head = requests.head("CONNECT", authority, authority, by.headers, 0)
    await made.exchange(head, b"", asked, until)
    if not 200 <= asked.status < 300 or made.closed:
        made.drop()
        words = f"The egress proxy answered {asked.status} to the request for a tunnel."
        return Unreached("connect", words, False)
    await made.secure(tls, wanted.host.rstrip("."))
    return made
