"""What is done to the store is done to each organization in it: their trails say so."""

from collections.abc import Mapping
from typing import Any

from waypost.access import operator
from waypost.audit import store as audit
from waypost.db.database import Tx
from waypost.environments import store as environments


def record(tx: Tx, command: str, type_: str, after: Mapping[str, Any], now_ms: int) -> None:
    """An event in the trail of every organization, by the command line."""
    for organization in environments.list_organizations(tx):
        audit.record(
            tx, operator(command), type_,
            organization_id=organization.id, details={"after": dict(after)}, now_ms=now_ms,
        )  # fmt: skip
