"""What a change of a destination comes to: which fields differ, their columns, their words in the audit trail.

Pure. A secret appears only as "changed".
"""

from collections.abc import Mapping
from typing import Any

from waypost.audit.masking import CHANGED, masked_url
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets

COLUMNS = {
    "name": "name",
    "authCredential": "credential_id",
    "endpoint": "endpoint",
    "cloudProviderSettings": "cloud",
    "setupState": "setup",
    "timeoutSeconds": "timeout_seconds",
    "successStatus": "success_status",
    "sendTokenAsBearer": "token_as_bearer",
}
TLS_COLUMNS = {"caCertificate": "ca_certificate", "clientCertificate": "client_certificate"}


def audited(destination: Destination, *, token: bool = False) -> dict[str, Any]:
    """The destination as the audit trail shows it; `token` says that one was given."""
    shown = destination.shown()
    if destination.endpoint is not None:
        shown["endpoint"] = masked_url(destination.endpoint)
    return shown | ({"verificationToken": CHANGED} if token else {})


def _settings(destination: Destination) -> dict[str, Any]:
    """What `given` names can name, as it is now; secrets apart."""
    return {
        "name": destination.name,
        "authCredential": destination.credential_id,
        "endpoint": destination.endpoint,
        "cloudProviderSettings": destination.cloud,
        "setupState": destination.setup_state,
        "timeoutSeconds": destination.timeout_seconds,
        "successStatus": destination.success_status,
        "sendTokenAsBearer": destination.token_as_bearer,
    }


def differing(current: Destination, secrets: Secrets, given: dict[str, Any]) -> dict[str, Any]:
    """The supplied fields whose value is not what it was."""
    now = _settings(current) | {"verificationToken": secrets.token}
    differs = {name: value for name, value in given.items() if name in now and value != now[name]}
    tls = given.get("tls") or {}
    tls_now = {
        "caCertificate": current.tls.ca_certificate,
        "clientCertificate": current.tls.client_certificate,
        "clientKey": secrets.client_key,
    }
    tls_differs = {name: value for name, value in tls.items() if value != tls_now[name]}
    return differs | ({"tls": tls_differs} if tls_differs else {})


def difference(before: Destination, after: Destination, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Before and after of the changed fields, for the audit trail: secrets only as changed."""

    def said(destination: Destination) -> dict[str, Any]:
        plain = {name: value for name, value in _settings(destination).items() if name in fields}
        if isinstance(plain.get("endpoint"), str):
            plain["endpoint"] = masked_url(plain["endpoint"])
        return plain

    hidden = {name: CHANGED for name in ("verificationToken", "tls") if name in fields}
    return {"before": said(before), "after": said(after) | hidden}
