"""The audit trail of an organization: who did what, when, newest first."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from waypost.access import OWNER_OR_ADMIN, require_organization
from waypost.audit import store
from waypost.audit.store import EventQuery
from waypost.clock import from_iso
from waypost.dashboard.html.forms import FormState
from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.errors import Fault
from waypost.roles import store as roles

PATH = "/organizations/{organization_id}/audit"
A_PAGE = 50
STATUSES = ("successful", "refused", "attempted")
FIELDS = ("type", "user", "status", "from", "to")


async def show(visit: Visit) -> Response:
    """A page of it, filtered by type, person, status and time."""
    organization_id = visit.number("organization_id")
    require_organization(visit.caller, organization_id, OWNER_OR_ADMIN)
    asked = {name: visit.query(name)[:64] for name in FIELDS}
    wanted, faults = _filter(asked)
    text = visit.query("page", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1

    def read(tx: Tx) -> tuple[list[Any], dict[int, str]]:
        found = store.page(tx, organization_id, wanted, offset=(number - 1) * A_PAGE, count=A_PAGE + 1)
        people = {row.id: row.fullname or row.email for row in roles.of_organization(tx, organization_id)}
        return list(found), people

    found, people = await visit.services.db.read(read)
    return await visit.page(
        "audit.html",
        organization=organization_id,
        events=[_event(each, people) for each in found[:A_PAGE]],
        people=people,
        statuses=STATUSES,
        form=FormState(asked, faults, "This search cannot be made." if faults else ""),
        asked={name: value for name, value in asked.items() if value},
        following=number + 1 if len(found) > A_PAGE else 0,
        is_first=number == 1,
        status=400 if faults else 200,
    )


def _filter(asked: Mapping[str, str]) -> tuple[EventQuery, list[Fault]]:
    times: dict[str, int | None] = {}
    faults = []
    for name in ("from", "to"):
        try:
            times[name] = from_iso(asked[name]) if asked[name] else None
        except (ValueError, OverflowError):
            detail = "Write a date, or date and time in UTC, as in 2026-11-26T03:00:00Z."
            faults.append(Fault(f"/{name}", "invalid_date_time", detail))
    user = asked["user"]
    if user and not (user.isascii() and user.isdigit() and len(user) < 19):
        faults.append(Fault("/user", "invalid_id", "Choose a person, or everybody."))
    if faults:
        return EventQuery(), faults
    types = (asked["type"],) if asked["type"] else ()
    number = int(user) if user else None
    return EventQuery(number, times["from"], times["to"], asked["status"] or None, types), []


def _event(row: Mapping[str, Any], people: Mapping[int, str]) -> dict[str, Any]:
    details = json.loads(row["details"])
    who = people.get(row["user_id"], f"user {row['user_id']}") if row["user_id"] is not None else row["client_id"]
    return {
        "at": row["created_at"],
        "type": row["type"],
        "status": row["status"],
        "who": who,
        "ip": row["request_ip"],
        "route": row["route"],
        "request_id": row["request_id"],
        "details": json.dumps(details, indent=2, ensure_ascii=False),
    }


PAGES = [get(PATH, show)]
