"""TLS for outbound calls: the versions and suites the vendor documents, and words for a failed handshake."""

import ssl
import time
from collections import OrderedDict

_RESUMED_SECONDS = 3600
"""How long a checked certificate counts without being shown again."""
_MOST_SESSIONS = 1000
_TLS_1_2_SUITES = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
    )
)
_CERTIFICATE_FAULTS = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate comes from an unknown authority (a self-signed root)",
    20: "its certificate comes from an unknown authority",
    21: "its certificate comes from an unknown authority, or it does not send the whole chain",
    23: "its certificate is revoked",
    26: "its certificate is not meant for a server",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
    66: "its key is too weak",
    68: "its certificate is signed with a weak digest",
}
_ALERTS = {
    "CERTIFICATE_REQUIRED": "it asks for a client certificate",
    "BAD_CERTIFICATE": "it refused our client certificate",
    "UNKNOWN_CA": "it does not know the authority of our client certificate",
    "CERTIFICATE_EXPIRED": "it says that our client certificate has expired",
    "CERTIFICATE_UNKNOWN": "it refused our client certificate",
    "ACCESS_DENIED": "it refused our client certificate",
    "PROTOCOL_VERSION": "it has no TLS version in common with us (1.2 and 1.3)",
    "UNSUPPORTED_PROTOCOL": "it has no TLS version in common with us (1.2 and 1.3)",
    "HANDSHAKE_FAILURE": "it has no cipher suite in common with us, or asks for a client certificate",
    "INSUFFICIENT_SECURITY": "it has no cipher suite in common with us",
    "UNRECOGNIZED_NAME": "it does not know this host name",
    "WRONG_VERSION_NUMBER": "it does not speak TLS on this port",
    "HTTP_REQUEST": "it does not speak TLS on this port",
    "RECORD_LAYER_FAILURE": "it does not speak TLS on this port",
    "PACKET_LENGTH_TOO_LONG": "it does not speak TLS on this port",
    "DH_KEY_TOO_SMALL": "its key is too weak",
    "UNEXPECTED_EOF": "it closed the connection during the handshake",
}


def context(*, authorities: str | None = None, http: bool = True) -> ssl.SSLContext:
    """A verifying client context: TLS 1.2 and 1.3, forward-secret AEAD suites only.

    `authorities` (PEM) takes the place of the system's; a client certificate is added with `load_cert_chain`.
    Without `http` nothing is said of what will be spoken.
    Reads the system's certificates from disk. Raises ssl.SSLError or ValueError when the PEM cannot be read.
    """
    made = ssl.create_default_context(cadata=authorities)
    made.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST  # from 3.13 on Python asks for more: here it is alike on all
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(_TLS_1_2_SUITES)
    if http:
        made.set_alpn_protocols(["http/1.1"])
    made.sslobject_class = _resuming()
    return made


def remember(layer: ssl.SSLObject | None) -> None:
    """Let the next connection of this context to the same host do with a short handshake."""
    if isinstance(layer, _Resuming):
        layer.remember()


class _Resuming(ssl.SSLObject):
    """The TLS of one connection, which begins with what an earlier one to the same host left."""

    sessions: OrderedDict[str, tuple[float, ssl.SSLSession]]
    _asked = _remembered = False

    def do_handshake(self) -> None:
        """As ssl's; it is called until the handshake is done."""
        if not self._asked and self.server_hostname is not None:
            self._asked = True
            since, session = self.sessions.get(self.server_hostname, (0.0, None))
            if session is not None and time.monotonic() - since < _RESUMED_SECONDS:
                self.session = session
        super().do_handshake()

    def remember(self) -> None:
        """Keep its session, once; one that was resumed itself keeps the moment at which its host was checked."""
        name, session = self.server_hostname, self.session
        if self._remembered or name is None or session is None:
            return
        self._remembered = True
        checked, _ = self.sessions.get(name, (0.0, None)) if self.session_reused else (time.monotonic(), None)
        self.sessions[name] = (checked, session)
        self.sessions.move_to_end(name)
        if len(self.sessions) > _MOST_SESSIONS:
            self.sessions.popitem(last=False)


def _resuming() -> type[_Resuming]:
    """A kind of its own for each context: what one trusts is nothing to another."""
    return type("_Resuming", (_Resuming,), {"sessions": OrderedDict()})


def words(error: ssl.SSLError) -> str:
    """Which check failed, for whoever runs the other side."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(
            error.verify_code, f"its certificate does not verify ({error.verify_message})"
        )
    reason = (error.reason or "").upper()
    found = next((text for key, text in _ALERTS.items() if key in reason), None)
    return found or f"the handshake failed ({reason.lower().replace('_', ' ') or 'no reason given'})"


def refused_by_peer(error: ssl.SSLError) -> bool:
    """Whether the other side ended the handshake, which TLS 1.3 tells us only after we have sent the request."""
    return "ALERT" in (error.reason or "")
