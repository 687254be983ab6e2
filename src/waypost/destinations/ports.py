"""From a destination to the port that speaks to it, and to what is sent to it: its credential, trust and time."""

from waypost.credentials import store as credentials
from waypost.credentials.sending import Under
from waypost.db.database import Tx
from waypost.destinations.kinds.https import Endpoint
from waypost.destinations.kinds.kind import CloudKind, Port, StorePort
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets
from waypost.egress import identity
from waypost.settings import Settings
from waypost.validation import check
from waypost.vault.vault import Vault

NO_CREDENTIAL = "The destination has no auth credential, and nothing is sent to a cloud store without one."


def port(destination: Destination, secrets: Secrets, settings: Settings, now_ms: int) -> Port | str:
    """How to deliver to a destination at this time; or why that is not possible."""
    if destination.is_cloud:
        return store(destination, settings)
    if destination.endpoint is None:
        return "The destination has no endpoint yet."
    return Endpoint(
        url=destination.endpoint,
        token=secrets.token,
        bearer=destination.credential_id is None and destination.token_as_bearer,
        only_200=destination.success_status == "200",
        application_name=settings.application_name,
        signing=secrets.signing_at(now_ms),
        now_ms=now_ms,
    )


def store(destination: Destination, settings: Settings) -> StorePort | str:
    """The store of a cloud destination; or why nothing can be written to it."""
    kind = destination.kind
    if not isinstance(kind, CloudKind) or destination.cloud is None:
        return "This version of Waypost does not know the destination's kind."
    if destination.lacks_credential:
        return NO_CREDENTIAL
    given, faults = check(kind.settings, destination.cloud.get("settings"))
    if given is None:
        return f"The destination's cloud settings are no longer valid: {faults[0].pointer}."
    where = getattr(settings, kind.where)
    if where is None and kind.needs_where:
        return f"The operator has not said where such a store is ({kind.variable})."
    return kind.open(where, given)


def under(
    tx: Tx, vault: Vault, destination: Destination, secrets: Secrets, *, timeout_seconds: float | None = None
) -> Under:
    """What is sent to the destination is sent under this; the time is its own but where another is given.

    Raises KeyUnavailable, NotFound.
    """
    credential = credentials.get(tx, destination.credential_id) if destination.credential_id else None
    tls = destination.tls
    return Under(
        credential,
        credentials.open_secrets(tx, vault, credential) if credential else {},
        timeout_seconds=timeout_seconds or destination.timeout_seconds,
        https_only=not destination.is_development,
        tls=identity.context(tls.ca_certificate, tls.client_certificate, secrets.client_key),
        egress=destination.egress,
    )
