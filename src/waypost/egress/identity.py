"""TLS with a destination's own trust and our client certificate for it."""

import os
import ssl
import tempfile

from waypost.egress import tls


def context(authorities: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """A context for this trust and identity (PEM); None when there is neither. Raises ssl.SSLError, ValueError."""
    if authorities is None and certificate is None:
        return None
    made = tls.context(authorities=authorities)
    if certificate is not None:
        _identify(made, certificate, key or "")
    return made


def _identify(made: ssl.SSLContext, certificate: str, key: str) -> None:
    """OpenSSL takes the pair from a file only: a private one that is gone again before this returns."""
    fd, path = tempfile.mkstemp(prefix="waypost-")
    try:
        with os.fdopen(fd, "w") as file:
            file.write(certificate.rstrip() + "\n" + key.rstrip() + "\n")
        made.load_cert_chain(path, password=_no_password)
    finally:
        os.unlink(path)


def _no_password() -> str:
    """An encrypted key would make OpenSSL ask on the terminal; it is refused instead."""
    raise ValueError("The key is encrypted.")
