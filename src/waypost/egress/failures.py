"""What went wrong with an outbound call, in words that an engineer can act on.

No word here comes from the request or from the answer: both may hold secrets or message content.
"""

import errno
import socket
import ssl
from dataclasses import dataclass

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


HOST = "The host"
PROXY = "The egress proxy"

_DNS = {
    socket.EAI_AGAIN: "The name server did not answer for the host of the URL.",
    socket.EAI_FAIL: "The name server failed to look up the host of the URL.",
}
_CONNECT = {
    errno.ECONNREFUSED: "refused the connection: nothing listens on that port",
    errno.EHOSTUNREACH: "cannot be reached: there is no route to its address",
    errno.ENETUNREACH: "cannot be reached: there is no route to its network",
    errno.ETIMEDOUT: "did not answer the attempt to connect",
    errno.EMFILE: "was not called: this process has no file descriptors left",
}


def failed(error: Exception, *, sent: bool, seconds: float, maybe_identity: bool, proxied: bool) -> Unreached:
    """What `error`, raised by an exchange, means when the whole request was `sent`, or was not.

    `maybe_identity`: a host that misses a client certificate may have closed the connection for that.
    """
    if isinstance(error, ssl.SSLError):
        return insecure(error, proxied=proxied, sent=sent and not tls.refused_by_peer(error))
    if isinstance(error, TimeoutError):
        if sent:
            return _after("timeout", f"No answer within {seconds:g} s.", sent)
        return Unreached("timeout", f"No connection, or not the whole request taken, within {seconds:g} s.", False)
    if isinstance(error, OSError):
        when = "it answered" if sent else "it had taken the whole request"
        hint = " It may want a client certificate." if maybe_identity else ""
        return _after("reset", f"The host closed the connection before {when}.{hint}", sent)
    return _after("protocol", "The answer is not valid HTTP/1.1, or its headers are too long.", sent)


def insecure(error: ssl.SSLError, *, proxied: bool, sent: bool = False) -> Unreached:
    """TLS failed: in the handshake, or by an alert after it."""
    whose = "the egress proxy or the host behind it" if proxied else "the host"
    return Unreached("tls", f"No TLS connection with {whose}: {tls.words(error)}.", sent)


def unconnected(error: OSError, who: str, *, some_refused: bool = False) -> Unreached:
    """No connection with the host or the proxy; other addresses of it may have been refused by the policy."""
    closed = isinstance(error, ConnectionError)
    words = "closed the connection while it was being set up" if closed else "could not be connected to"
    some = " Other addresses of it are refused." if some_refused else ""
    return Unreached("connect", f"{who} {_CONNECT.get(error.errno or 0, words)}.{some}", False)


def unresolved(error: OSError, who: str) -> str:
    """Why the name of the host or the proxy leads nowhere."""
    if who == PROXY:
        return "The name of the egress proxy does not resolve."
    return _DNS.get(error.errno or 0, "The name does not resolve: DNS knows no address for the host of the URL.")


def _after(code: str, reason: str, sent: bool) -> Unreached:
    return Unreached(code, f"{reason} {MAYBE}" if sent else reason, sent)
