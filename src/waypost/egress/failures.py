"""What went wrong with an outbound call, in words that an engineer can act on.

No word here comes from the request or from the answer: both may hold secrets or message content.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from waypost.egress import tls

MAYBE = "The request may have been processed."


@dataclass(frozen=True, slots=True)
class Unreached:
    """A call that brought no answer.

    `code` is stable: `address_not_allowed`, `https_required`, `invalid_url`, `dns`, `connect`, `tls`, `timeout`,
    `reset` or `protocol`. `maybe_processed` is true when the whole request left us: it may have been acted on.
    """

    code: str
    reason: str
    maybe_processed: bool


@dataclass(slots=True)
class Attempt:
    """What is known about a call while it runs: filled in by the guard, the request and the upload.

    `refusal` judges an address and port to be dialled; `pool` keeps the connections of egress lists apart.
    """

    seconds: float
    connect_seconds: float
    https: bool
    proxied: bool
    refusal: Callable[[str, int], str | None]
    pool: int | None = None
    sent: bool = False
    dialled: int = 0
    refusals: list[str] = field(default_factory=list)
    transport: asyncio.Transport | None = None

    def drop_unsent(self) -> None:
        """Gives up bytes that the other side has not taken; closing alone would keep them until it does."""
        if self.transport is None or self.transport.get_write_buffer_size() == 0:
            return
        link: socket.socket | None = self.transport.get_extra_info("socket")
        if link is not None:
            # An RST instead of a FIN, so that the kernel too lets go of them.
            with contextlib.suppress(OSError):
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def was_stale(self, outcome: Unreached) -> bool:
        """Whether a kept connection was closed before the request was written, which is nobody's failure."""
        return outcome.code == "reset" and not self.sent and self.dialled == 0


_DNS = {
    socket.EAI_AGAIN: "The name server did not answer for the host of the URL.",
    socket.EAI_FAIL: "The name server failed to look up the host of the URL.",
}
CONNECT = {
    errno.ECONNREFUSED: "refused the connection: nothing listens on that port",
    errno.EHOSTUNREACH: "cannot be reached: there is no route to its address",
    errno.ENETUNREACH: "cannot be reached: there is no route to its network",
    errno.ETIMEDOUT: "did not answer the attempt to connect",
    errno.EMFILE: "was not called: this process has no file descriptors left",
}
"""What an error of connecting says of a host."""


def unreached(error: Exception, attempt: Attempt) -> Unreached:
    """What `error`, raised by the HTTP client, means for `attempt`."""
    if attempt.refusals and not attempt.dialled:
        return Unreached(
            "address_not_allowed", f"The host leads to a refused address. {attempt.refusals[0]}", False
        )
    secure = _secure_layer(error)
    if secure is not None:
        return _tls(secure, attempt)
    if isinstance(error, TimeoutError):
        return _timeout(error, attempt)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
        return _unconnected(error, attempt)
    if isinstance(error, aiohttp.InvalidURL):
        return Unreached("invalid_url", "The URL cannot be called; write its host plainly.", False)
    if isinstance(error, aiohttp.ClientResponseError):
        return _after("protocol", "The answer is not valid HTTP/1.1, or its headers are too long.", attempt)
    if isinstance(error, aiohttp.ClientError | OSError):
        return _reset(attempt)
    return Unreached("protocol", "The request holds a header that HTTP does not allow.", False)


def _secure_layer(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            error = error.certificate_error
        elif isinstance(error, aiohttp.ClientConnectorError):
            error = error.os_error
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__
    return None


def _tls(error: ssl.SSLError, attempt: Attempt) -> Unreached:
    sent = attempt.sent and not tls.refused_by_peer(error)
    whose = "the egress proxy or the host behind it" if attempt.proxied else "the host"
    return Unreached("tls", f"No TLS connection with {whose}: {tls.words(error)}.", sent)


def _timeout(error: TimeoutError, attempt: Attempt) -> Unreached:
    if attempt.sent:
        return _after("timeout", f"No answer within {attempt.seconds:g} s.", attempt)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreached("timeout", f"No connection within {attempt.connect_seconds:g} s.", False)
    return Unreached(
        "timeout", f"No connection, or not the whole request taken, within {attempt.seconds:g} s.", False
    )


def _unconnected(error: aiohttp.ClientError, attempt: Attempt) -> Unreached:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Unreached(
            "connect", f"The egress proxy answered {error.status} to the request for a tunnel.", False
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreached("dns", _unresolved(error.os_error, attempt), False)
    number = error.errno if isinstance(error, OSError) else None
    closed = "closed the connection while it was being set up"
    fallback = closed if _was_closed(error) else "could not be connected to"
    who = "The egress proxy" if attempt.proxied else "The host"
    some = " Other addresses of it are refused." if attempt.refusals else ""
    return Unreached("connect", f"{who} {CONNECT.get(number or 0, fallback)}.{some}", False)


def _was_closed(error: aiohttp.ClientError) -> bool:
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionError)


def _unresolved(error: OSError, attempt: Attempt) -> str:
    if attempt.proxied:
        return "The name of the egress proxy does not resolve."
    return _DNS.get(error.errno or 0, "The name does not resolve: DNS knows no address for the host of the URL.")


def _reset(attempt: Attempt) -> Unreached:
    when = "it answered" if attempt.sent else "it had taken the whole request"
    # A host that misses a client certificate says so, but closing the connection may overtake its word.
    hint = " It may want a client certificate." if attempt.https and attempt.dialled else ""
    return _after("reset", f"The host closed the connection before {when}.{hint}", attempt)


def _after(code: str, reason: str, attempt: Attempt) -> Unreached:
    return Unreached(code, f"{reason} {MAYBE}" if attempt.sent else reason, attempt.sent)
