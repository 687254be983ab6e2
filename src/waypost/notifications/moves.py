"""A Production destination that moves to a host it did not have: told in the very transaction that moves it."""

from waypost.db.database import Tx
from waypost.destinations.model import Destination
from waypost.egress.urls import authority_of
from waypost.environments.store import Flag
from waypost.notifications import outbox
from waypost.notifications.notice import NoticeKind, Raised


def told(tx: Tx, before: Destination, after: Destination, now_ms: int) -> None:
    """Tell of a new host in Production; of anything else, nothing. Path, query and port are nobody's news."""
    old, new = host(before.endpoint), host(after.endpoint)
    if after.flag is not Flag.production or new is None or new == old:
        return
    data = {"destination": {"id": after.id, "name": after.name}, "host": new, "previousHost": old}
    raised = Raised(after.environment_id, NoticeKind.destination_moved, data, destination_id=after.id)
    outbox.raise_(tx, raised, now_ms)


def host(endpoint: str | None) -> str | None:
    """The host of an endpoint in its plainest form."""
    found = "" if endpoint is None else authority_of(endpoint)
    return None if isinstance(found, str) else found.name
