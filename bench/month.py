"""A store as it is after a month in a large house: what pages and searches are timed on.

Two environments are full, each in its own way. In the first (Development) every queue is a subscription with a
destination of its own, some of them held; one more destination has nearly all the logs, most of them delivered. In
the second (Staging) one subscription has as many queues, one for each patient, and all of them are held. Rows are
written as rows: over HTTP they would take an hour.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from bench.population import OPERATOR, Population
from waypost.app import Waypost
from waypost.audit.store import audit_event, audit_head
from waypost.db.database import Tx
from waypost.destinations.store import destination
from waypost.environments.store import environment
from waypost.ids import new_id
from waypost.ledger.minutes import KEPT, MINUTE_MS, ledger_minute
from waypost.logs.store import attempt, log
from waypost.queues.model import shard_of
from waypost.queues.store import destination_seq, entry, queue_head, queue_tail
from waypost.replays.store import replay
from waypost.subscriptions.store import subscription
from waypost.users.store import app_user, organization_role

T = TypeVar("T")
Ids = dict[str, Any]

MONTH_MS = 30 * 24 * 3_600_000
A_BATCH = 500
"""So many logs were accepted in the same millisecond, as those of a batch are."""
AT_ONCE = 100_000
WAITING = 1_000
"""So many of the deep queue's logs wait, or half of them."""
GIVEN_UP = 1_009
"""One ended log in so many was skipped after an attempt that failed."""
RARE = 100_003
"""One log in so many is of another event type."""
FEW = 100
"""Sources, credentials, API keys, members."""
EVENTS = 20_000
FAILED = "It answered 503."
LOG_ID = "00000000-0000-7000-8000-"
LOGS = 100_000_000_000
CREDENTIAL = {"name": "Keys", "authStrategy": "Basic", "username": "a", "password": "b"}
KEY = {"name": "Feed", "jwksURL": "https://keys.example.com/set"}


class Month:
    """The command, for a store where nothing was made yet."""

    def __init__(self, waypost: Waypost, environment_id: str) -> None:
        self._waypost = waypost
        self._population = Population(waypost, environment_id)
        self._environment_id = environment_id
        self._now = 0

    async def make(self, *, queues: int, dead: int, logs: int, url: str, hole: str) -> list[Ids]:
        """Everything; for each of the two environments, what addresses of pages name in it."""
        self._now, live = self._waypost.ground.clock.now_ms(), queues - dead
        await self._population.populate(
            live=live, dead=dead, filled=live, tail=1, deep=0, crowd=0, url=url, hole=hole
        )
        await self._population.refill(filled=live, dead=dead, crowd="")
        await self._write(_subscribe_each)
        ids = await self._waypost.ground.db.read(self._ends)
        for start in range(1, logs + 1, AT_ONCE):
            await self._write(
                partial(self._deepen, ids=ids, first=start, last=min(logs, start + AT_ONCE - 1), of=logs)
            )
        await self._write(partial(self._settle, ids=ids, logs=logs))
        ids |= await self._few(ids)
        await self._write(partial(self._people, ids=ids))
        patients = await self._write(partial(self._patients, ids=ids, queues=queues))
        await self._write(partial(self._remember, ids=ids))
        if self._waypost.ground.db.shared:
            await self._write(lambda tx: tx.exec_driver_sql("ANALYZE"))
        return [ids, patients]

    async def _write(self, fn: Callable[[Tx], T]) -> T:
        return await self._waypost.ground.db.write(fn)

    def _ends(self, tx: Tx) -> Ids:
        """What is around the deep queue."""
        deep = tx.execute(sa.select(subscription).where(subscription.c.id == "deep")).one()
        here = sa.select(environment.c.organization_id).where(environment.c.id == self._environment_id)
        return {
            "organization_id": tx.scalar(here),
            "environment_id": self._environment_id,
            "source_id": deep.source_id,
            "destination_id": deep.destination_id,
            "subscription_id": deep.id,
            "queue_id": deep.id,
            "log_id": f"{LOG_ID}{LOGS + 1}",
            "message_id": tx.scalar(sa.select(log.c.message_id).limit(1)),
        }

    def _deepen(self, tx: Tx, ids: Ids, first: int, last: int, of: int) -> None:
        """Logs of the deep queue, accepted over the month in batches; all but the last of them have ended."""
        n = sa.select(sa.literal(first, sa.BigInteger).label("i")).cte("n", recursive=True)
        n = n.union_all(sa.select(n.c.i + 1).where(n.c.i < last))
        is_over = n.c.i <= _ended(of)
        at = self._now - MONTH_MS + n.c.i // A_BATCH * (MONTH_MS * A_BATCH // max(of, A_BATCH))
        same = ("environment_id", "message_id", "source_id", "destination_id", "subscription_id")
        made: dict[str, sa.ColumnElement[Any]] = {
            "id": sa.literal(LOG_ID).concat(sa.cast(LOGS + n.c.i, sa.String)),
            "seq": n.c.i,
            "state": sa.case((~is_over, "pending"), (n.c.i % GIVEN_UP == 0, "skipped"), else_="delivered"),
            "attempts": sa.case((is_over, 1), else_=0),
            "accepted_at": at,
            "updated_at": at + 50,
            "ended_at": sa.case((is_over, at + 50)),
            "data_model": sa.literal("PatientAdmin"),
            "event_type": sa.case((n.c.i % RARE == 0, "PatientMerge"), else_="NewPatient"),
            **{name: sa.literal(ids[name]) for name in same},
        }
        tx.execute(log.insert().from_select(list(made), sa.select(*made.values())))
        entries = sa.select(sa.literal("deep"), n.c.i, made["id"])
        tx.execute(entry.insert().from_select(["queue_id", "seq", "log_id"], entries))

    def _settle(self, tx: Tx, ids: Ids, logs: int) -> None:
        """The deep queue's counters, and an attempt for each log that was given up; why others are held."""
        over = _ended(logs)
        given_up = range(GIVEN_UP, over + 1, GIVEN_UP)
        tail = queue_tail.update().where(queue_tail.c.queue_id == "deep")
        tx.execute(tail.values(last_seq=logs, accepted=logs))
        head = queue_head.update().where(queue_head.c.queue_id == "deep")
        counts = {"delivered": over - len(given_up), "skipped": len(given_up)}
        tx.execute(head.values(cursor=over, state="ready", due_at=1, **counts))
        counter = destination_seq.update().where(destination_seq.c.destination_id == ids["destination_id"])
        tx.execute(counter.values(last=logs))
        _insert(tx, attempt, [_attempt(f"{LOG_ID}{LOGS + each}", self._now - over + each) for each in given_up])
        held = queue_head.update().where(queue_head.c.state == "held")
        tx.execute(held.values(reason=FAILED, last_status=503, held_since=self._now - 3_600_000))

    async def _few(self, ids: Ids) -> Ids:
        """Sources, credentials and API keys; the ids of one of each."""
        waypost, here = self._waypost, self._environment_id
        known = {"organization": ids["organization_id"], "environmentId": here}
        for _ in range(FEW):
            await waypost.configuration.sources.create(OPERATOR, here, {"name": "Feed"})
            credential = await waypost.configuration.credentials.create(OPERATOR, CREDENTIAL | known)
            apikey = await waypost.people.apikeys.create(OPERATOR, here, KEY)
        draft = await waypost.configuration.destinations.create(
            OPERATOR, here, {"name": "Draft", "setupState": {"step": "settings"}}
        )
        return {
            "unfinished_id": draft.id,
            "credential_id": credential.id,
            "apikey_id": apikey.id,
            "replay_id": new_id(),
            "user_id": 1001,
        }

    def _people(self, tx: Tx, ids: Ids) -> None:
        """Members, a replay that is done, and one credential for all destinations."""
        organization, here = ids["organization_id"], self._environment_id
        numbers = range(1001, 1001 + FEW)
        person = {"fullname": "Ann", "created_at": 0}
        _insert(tx, app_user, [{"id": each, "email": f"{each}@example.com", **person} for each in numbers])
        role = {"organization_id": organization, "role": "member"}
        _insert(tx, organization_role, [{"user_id": each, **role} for each in numbers])
        done = {"state": "done", "filter": "{}", "found": 1, "replayed": 1, "created_at": 1, "ended_at": 2}
        _insert(tx, replay, [{"id": ids["replay_id"], "environment_id": here, **done}])
        mine = destination.update().where(destination.c.environment_id == here)
        tx.execute(mine.values(credential_id=ids["credential_id"]))

    def _patients(self, tx: Tx, ids: Ids, queues: int) -> Ids:
        """The second environment: a subscription whose patients have a queue each, every one of them held."""
        c = environment.c
        there = tx.execute(
            sa.select(c.id).where(c.organization_id == ids["organization_id"], c.name == "Staging")
        ).scalar_one()
        ends = {"environment_id": there, "destination_id": new_id(), "subscription_id": new_id()}
        to, rule = ends["destination_id"], ends["subscription_id"]
        _copy(tx, destination, ids["destination_id"], [{"id": to, "environment_id": there}])
        again = {"replay_id": new_id()}
        _copy(tx, replay, ids["replay_id"], [{"id": again["replay_id"], "environment_id": there}])
        children = '{"identifierType": "MRN", "path": "/Patient/Identifiers"}'
        changed = {"id": rule, "environment_id": there, "destination_id": to, "child_queues": children}
        _copy(tx, subscription, "deep", [changed])
        names = [rule, *(f"patient-{number:06d}" for number in range(1, queues))]
        numbered = [(number, name, f"log-{name}"[-36:]) for number, name in enumerate(names, 1)]
        held = {
            "cursor": 0, "state": "held", "due_at": self._now + 3_600_000, "reason": FAILED, "last_status": 503,
            "held_since": self._now - 60_000, "attempts": 3, "delivered": 0, "skipped": 0, "since": 0,
            "shard": shard_of(to),
        }  # fmt: skip
        _copy(tx, queue_head, "deep", [{**ends, **held, "queue_id": name} for name in names])
        pending = {"state": "pending", "ended_at": None, "accepted_at": self._now - 60_000, "attempts": 3}
        logs = [{**ends, **pending, "id": made, "seq": n, "queues": name} for n, name, made in numbered]
        _copy(tx, log, ids["log_id"], logs)
        tail = {"destination_id": to, "accepted": 1, "replayed": 0}
        _insert(tx, queue_tail, [{"queue_id": name, "last_seq": n, **tail} for n, name, _ in numbered])
        _insert(tx, entry, [{"queue_id": name, "seq": n, "log_id": made} for n, name, made in numbered])
        _insert(tx, attempt, [_attempt(made, self._now) for _, _, made in numbered])
        _insert(tx, destination_seq, [{"destination_id": to, "last": queues}])
        return ids | ends | again | {"queue_id": names[-1], "log_id": numbered[-1][2]}

    def _remember(self, tx: Tx, ids: Ids) -> None:
        """Audit events, whose chain nobody checks here, and the minutes of the ledger."""
        now, first = self._now, (tx.scalar(sa.select(sa.func.max(audit_event.c.number))) or 0) + 1
        seen = {
            "organization_id": ids["organization_id"], "environment_id": ids["environment_id"], "user_id": 1001,
            "client_id": "-", "request_ip": "127.0.0.1", "request_id": "-", "route": "GET /",
            "type": "payload-viewed", "status": "successful", "details": "{}", "created_at": now,
            "previous_hash": "-", "hash": "-",
        }  # fmt: skip
        numbers = range(first, first + EVENTS)
        _insert(tx, audit_event, [{**seen, "id": new_id(), "number": each} for each in numbers])
        chain = audit_head.update().where(audit_head.c.organization_id == ids["organization_id"])
        tx.execute(chain.values(number=numbers[-1]))
        minute = now // MINUTE_MS
        of = {"environment_id": ids["environment_id"], "accepted": 0, "delivered": 0}
        _insert(tx, ledger_minute, [{**of, "minute": minute - each} for each in range(2, KEPT)])


def _ended(logs: int) -> int:
    """How many logs of the deep queue have ended."""
    return logs - min(WAITING, logs // 2)


def _subscribe_each(tx: Tx) -> None:
    """Every queue is of a subscription of its own, and every destination has a name of its own."""
    c = queue_head.c
    copied = sa.select(c.subscription_id).where(c.queue_id == "deep")
    first = tx.execute(sa.select(subscription).where(subscription.c.id.in_(copied))).one()
    others = [column for column in subscription.c if column.name not in {"id", "destination_id"}]
    values = (sa.literal(getattr(first, column.name), column.type) for column in others)
    mine = sa.select(c.queue_id, c.destination_id, *values).where(c.queue_id != c.subscription_id)
    names = ["id", "destination_id", *(column.name for column in others)]
    tx.execute(subscription.insert().from_select(names, mine))
    tx.execute(queue_head.update().values(subscription_id=c.queue_id))
    of = sa.select(c.queue_id).where(c.destination_id == destination.c.id).limit(1).scalar_subquery()
    tx.execute(destination.update().values(name=sa.func.coalesce(of, destination.c.name)))
    of = sa.select(c.queue_id).where(c.destination_id == log.c.destination_id).limit(1).scalar_subquery()
    tx.execute(log.update().values(subscription_id=of))


def _attempt(log_id: str, at: int) -> dict[str, Any]:
    times = {"started_at": at, "ended_at": at + 9}
    return {"id": new_id(), "log_id": log_id, **times, "outcome": "failed", "status": 503, "reason": FAILED}


def _copy(tx: Tx, table: sa.Table, key: str, changes: Sequence[dict[str, Any]]) -> None:
    """Rows like the one with that key, each with its changes."""
    first = dict(tx.execute(sa.select(table).where(next(iter(table.primary_key)) == key)).one()._mapping)
    _insert(tx, table, [first | each for each in changes])


def _insert(tx: Tx, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        tx.execute(table.insert(), list(rows))
