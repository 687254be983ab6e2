"""What is wrong with a body beyond its shape: what the environment, or the destination as it is, does not allow.

All of it as faults, so that they come back together with those of the shape.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from waypost.credentials import store as credentials
from waypost.db.database import Tx
from waypost.destinations import model
from waypost.destinations.kinds import kind_of
from waypost.destinations.kinds.kind import Kind
from waypost.destinations.model import Destination
from waypost.egress import identity
from waypost.egress.policy import Policy
from waypost.environments.store import Environment
from waypost.errors import Fault
from waypost.ids import is_uuid
from waypost.validation import check, unchanged

MOST_URL = 2048


def endpoint(policy: Policy, url: Any, *, is_development: bool) -> list[Fault]:
    """What keeps an endpoint from being used; nothing for a value that its own field refuses."""
    if not isinstance(url, str) or not 0 < len(url) <= MOST_URL:
        return []
    return policy.faults(url, https_only=not is_development, pointer="/endpoint")


def references(
    tx: Tx, policy: Policy, environment: Environment, raw: Any, current: Destination | None = None
) -> list[Fault]:
    """Faults of an endpoint and of a credential that do not fit this environment, or the destination's kind."""
    if not isinstance(raw, Mapping):
        return []
    own = policy.within(environment.egress)
    faults = endpoint(own, raw.get("endpoint"), is_development=environment.is_development)
    cloud = raw.get("cloudProviderSettings", current.cloud if current else None)
    if cloud is not None and not isinstance(cloud, Mapping):
        return faults
    kind = kind_of(cloud)
    if cloud is None and raw.get("endpoint", current.endpoint if current else None) is None:
        kind = None  # not set up far enough to say
    faults += _credential(tx, environment, kind, raw.get("authCredential"))
    if current is not None and raw.keys() & {"endpoint", "cloudProviderSettings"}:
        faults += _kept_credential(tx, kind, current, raw)
    return faults


def creation(environment: Environment, raw: Any) -> list[Fault]:
    """Faults of a new destination: another environment than the path's, or two kinds at once."""
    if not isinstance(raw, Mapping):
        return []
    faults = one_kind(raw)
    named, _ = check(model.EnvironmentRef, raw.get("environment"))
    if named is not None and (named.id, named.environmentFlag) != (environment.id, environment.flag):
        faults.append(Fault("/environment", "environment_mismatch", "This is not the environment in the path."))
    return faults


def one_kind(raw: Mapping[str, Any], current: Destination | None = None) -> list[Fault]:
    """A fault when what is sent, with what is there already, makes both a URL and a cloud destination."""
    now = {"endpoint": current.endpoint, "cloudProviderSettings": current.cloud} if current else {}
    both = now | dict(raw)
    if both.get("endpoint") is None or both.get("cloudProviderSettings") is None:
        return []
    sent = "endpoint" if raw.get("endpoint") is not None else "cloudProviderSettings"
    detail = "A destination has an endpoint or cloudProviderSettings, not both."
    return [Fault(f"/{sent}", "one_kind", detail)]


def update(current: Destination, raw: Any) -> list[Fault]:
    """Faults of an update: what cannot change, and an endpoint for a cloud destination."""
    faults = unchanged(raw, current.shown(), model.IMMUTABLE)
    if isinstance(raw, Mapping) and raw.get("endpoint") is not None and current.is_cloud:
        detail = "This is a cloud destination: it has no endpoint."
        faults.append(Fault("/endpoint", "cloud_destination", detail))
    return faults


def settings(current: Destination, client_key: str | None, raw: Any) -> list[Fault]:
    """Faults of our settings: what cannot change, and certificates and key that do not fit together."""
    shown = current.shown_settings()
    faults = unchanged(raw, shown, model.IMMUTABLE_SETTINGS)
    tls, _ = check(model.TlsPatch, raw.get("tls") if isinstance(raw, Mapping) else None)
    if tls is None:
        return faults
    given = tls.model_dump(exclude_unset=True)
    if given.get("hasClientKey", current.tls.has_client_key) != current.tls.has_client_key:
        detail = "This says whether there is a key; send clientKey, or null to take it away."
        faults.append(Fault("/tls/hasClientKey", "immutable", detail))
    return faults + _tls(shown["tls"] | {"clientKey": client_key} | given)


def _credential(tx: Tx, environment: Environment, kind: Kind | None, credential_id: Any) -> list[Fault]:
    if not isinstance(credential_id, str) or not is_uuid(credential_id):
        return []
    found = credentials.exists_in(tx, environment.id, credential_id.lower())
    if found is None:
        detail = "There is no such auth credential in the destination's environment."
        return [Fault("/authCredential", "unknown_credential", detail)]
    return _fitting(kind, found.strategy, "/authCredential")


def _kept_credential(tx: Tx, kind: Kind | None, current: Destination, raw: Mapping[str, Any]) -> list[Fault]:
    """A fault when a destination comes to be of a kind that cannot use the credential it has."""
    if current.credential_id is None or raw.get("authCredential") is not None:
        return []
    pointer = "/cloudProviderSettings" if raw.get("cloudProviderSettings") is not None else "/endpoint"
    return _fitting(kind, credentials.get(tx, current.credential_id).strategy, pointer)


def _fitting(kind: Kind | None, strategy: str, pointer: str) -> list[Fault]:
    if kind is None or kind.accepts(strategy):
        return []
    detail = f"A destination of this kind ({kind.name}) cannot use such a credential; it takes {kind.accepted}."
    return [Fault(pointer, "credential_kind", detail)]


def _tls(tls: Mapping[str, Any]) -> list[Fault]:
    """Faults of certificates and key as they would be."""
    faults = []
    if not _usable(tls["caCertificate"], None, None):
        detail = "These are not certificates in PEM that can be trusted."
        faults.append(Fault("/tls/caCertificate", "invalid_certificate", detail))
    certificate, key = tls["clientCertificate"], tls["clientKey"]
    if (certificate is None) != (key is None) or not _usable(None, certificate, key):
        detail = "A client certificate and its key, unencrypted and in PEM, come and go together."
        faults.append(Fault("/tls/clientCertificate", "invalid_certificate", detail))
    return faults


def _usable(authorities: str | None, certificate: str | None, key: str | None) -> bool:
    try:
        identity.context(authorities, certificate, key)
    except (ssl.SSLError, ValueError):
        return False
    return True
