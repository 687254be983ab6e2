"""What a change of a destination comes to: which fields differ, their columns, their words in the audit trail.

Pure. A secret appears only as "changed".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from waypost.audit.masking import CHANGED, masked_url
from waypost.destinations.model import Destination


@dataclass(frozen=True, slots=True)
class Settable:
    """A field that a change may have: its column, and its value in a destination."""

    column: str
    of: Callable[[Destination], Any]


FIELDS: Mapping[str, Settable] = {
    "name": Settable("name", attrgetter("name")),
    "authCredential": Settable("credential_id", attrgetter("credential_id")),
    "endpoint": Settable("endpoint", attrgetter("endpoint")),
    "cloudProviderSettings": Settable("cloud", attrgetter("cloud")),
    "setupState": Settable("setup", attrgetter("setup_state")),
    "timeoutSeconds": Settable("timeout_seconds", attrgetter("timeout_seconds")),
    "successStatus": Settable("success_status", attrgetter("success_status")),
    "sendTokenAsBearer": Settable("token_as_bearer", attrgetter("token_as_bearer")),
}
TLS_COLUMNS = {"caCertificate": "ca_certificate", "clientCertificate": "client_certificate"}
SETTABLE = FIELDS.keys() | {"verificationToken"}


def audited(destination: Destination, *, token: bool = False) -> dict[str, Any]:
    """The destination as the audit trail shows it; `token` says that one was given."""
    shown = destination.shown()
    if destination.endpoint is not None:
        shown["endpoint"] = masked_url(destination.endpoint)
    return shown | ({"verificationToken": CHANGED} if token else {})


def columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the supplied fields, secrets apart."""
    tls = given.get("tls") or {}
    plain = {FIELDS[name].column: value for name, value in given.items() if name in FIELDS}
    return plain | {column: tls[name] for name, column in TLS_COLUMNS.items() if name in tls}


def differing(current: Destination, known: Mapping[str, str | None], given: Mapping[str, Any]) -> dict[str, Any]:
    """The supplied fields whose value is not what it was; a secret that is not `known` always differs."""
    now = {name: field.of(current) for name, field in FIELDS.items()}
    tls_now = {"caCertificate": current.tls.ca_certificate, "clientCertificate": current.tls.client_certificate}
    if "token" in known:
        now["verificationToken"] = known["token"]
    if "client_key" in known:
        tls_now["clientKey"] = known["client_key"]
    differs = {name: value for name, value in given.items() if name in SETTABLE and _moves(now, name, value)}
    tls = {name: value for name, value in (given.get("tls") or {}).items() if _moves(tls_now, name, value)}
    return differs | ({"tls": tls} if tls else {})


def secrets_of(given: Mapping[str, Any]) -> dict[str, str | None]:
    """The secrets among the supplied fields, by their columns."""
    tls = given.get("tls") or {}
    token = {"token": given["verificationToken"]} if "verificationToken" in given else {}
    return token | ({"client_key": tls["clientKey"]} if "clientKey" in tls else {})


def difference(before: Destination, after: Destination, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Before and after of the changed fields, for the audit trail: secrets only as changed."""

    def said(destination: Destination) -> dict[str, Any]:
        plain = {name: field.of(destination) for name, field in FIELDS.items() if name in fields}
        if isinstance(plain.get("endpoint"), str):
            plain["endpoint"] = masked_url(plain["endpoint"])
        return plain

    hidden = {name: CHANGED for name in ("verificationToken", "tls") if name in fields}
    return {"before": said(before), "after": said(after) | hidden}


def _moves(now: Mapping[str, Any], name: str, value: Any) -> bool:
    return name not in now or value != now[name]
