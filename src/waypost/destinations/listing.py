"""An environment's destinations by name, in pages: searched, filtered, counted. Made for 20,000 of them."""

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.destinations import store
from waypost.destinations.model import Destination
from waypost.destinations.store import destination

Which = Literal["all", "held", "unfinished", "unverified"]
_own = destination.c


@dataclass(frozen=True, slots=True)
class DestinationQuery:
    """What to list. `term` is looked for in name, id and endpoint; `held` is a query for the ids of held ones."""

    environment_id: str
    held: sa.Select[tuple[str]]
    term: str = ""
    state: Which = "all"


def counts(tx: Tx, wanted: DestinationQuery) -> dict[Which, int]:
    """How many there are in each state, whatever the term."""
    held = wanted.held.distinct().subquery()
    query = sa.select(
        sa.func.count().label("all"),
        sa.select(sa.func.count()).select_from(held).scalar_subquery().label("held"),
        sa.func.coalesce(sa.func.sum(_one(_is("unfinished"))), 0).label("unfinished"),
        sa.func.coalesce(sa.func.sum(_one(_is("unverified"))), 0).label("unverified"),
    ).where(_own.environment_id == wanted.environment_id, _own.deleted_at.is_(None))
    row = tx.execute(query).one()
    return {"all": row.all, "held": row.held, "unfinished": row.unfinished, "unverified": row.unverified}


def page(tx: Tx, wanted: DestinationQuery, *, after: str | None, count: int) -> list[Destination]:
    """Destinations in the order of their names, behind the one with that id; one more if there are more."""
    ids = sa.select(_own.id).where(
        _own.environment_id == wanted.environment_id, _own.deleted_at.is_(None), *_conditions(wanted)
    )
    if after is not None:
        last = destination.alias()
        name = sa.select(last.c.name).where(last.c.id == after, last.c.environment_id == wanted.environment_id)
        ids = ids.where(sa.tuple_(_own.name, _own.id) > sa.tuple_(name.scalar_subquery(), sa.literal(after)))
    found = tx.scalars(ids.order_by(_own.name, _own.id).limit(count + 1)).all()
    return store.some(tx, found)


def _conditions(wanted: DestinationQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.term:
        escaped = wanted.term.replace("/", "//").replace("%", "/%").replace("_", "/_")
        pattern = sa.func.lower(f"%{escaped}%")
        columns = (_own.name, _own.id, _own.endpoint)
        found.append(sa.or_(*(sa.func.lower(column).like(pattern, escape="/") for column in columns)))
    if wanted.state == "held":
        found.append(_own.id.in_(wanted.held))
    elif wanted.state != "all":
        found.append(_is(wanted.state))
    return found


def _is(state: Which) -> sa.ColumnElement[bool]:
    if state == "unfinished":
        return _own.setup.is_not(None)
    return sa.and_(_own.setup.is_(None), _own.verification_state != "verified")


def _one(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)
