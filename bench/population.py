"""Thousands of queues with what waits in them, written as rows: over HTTP they would take an hour.

All their logs are of one message, as replays of it would be. Live queues are destinations of their own that
deliver to the sink; dead ones hang, and are held between their retries; the deep one has a backlog that nothing
empties; the crowd is many held queues of one destination.
"""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from bench import messages
from waypost import access
from waypost.app import Waypost
from waypost.db.database import Tx
from waypost.delivery.loading import MESSAGES_A_LOAD
from waypost.destinations.store import destination
from waypost.ids import new_id
from waypost.logs.store import log
from waypost.queues.model import SHARDS, shard_of
from waypost.queues.store import destination_seq, entry, queue_head, queue_tail

ROWS_AT_ONCE = 5000
DEEP_AT_ONCE = 100_000
RETRY_MS = 180_000
AN_HOUR_MS = 3_600_000
CLAIMS = 20
CLAIMED = 64
OPERATOR = access.operator("bench")


class Population:
    """The commands. `populate` comes first, on the same store."""

    def __init__(self, waypost: Waypost, environment_id: str) -> None:
        self._waypost = waypost
        self._environment_id = environment_id

    async def populate(
        self, *, live: int, dead: int, filled: int, tail: int, deep: int, crowd: int, url: str, hole: str
    ) -> dict[str, str]:
        """So many queues of each kind; `filled` of the live ones have `tail` messages each."""
        first = await self._first(url)
        made = [self._queue(first, f"live{number:06d}") for number in range(live)]
        await self._insert(destination, [queue["destination"] for queue in made])
        await self._queues(made, [tail if number < filled else 0 for number in range(live)])
        hanging = [self._queue(first, f"dead{number:06d}", endpoint=hole) for number in range(dead)]
        await self._insert(destination, [queue["destination"] for queue in hanging])
        await self._queues(hanging, [1] * dead)
        backlog, many = self._queue(first, "deep"), self._queue(first, "crowd")
        await self._insert(destination, [backlog["destination"], many["destination"]])
        await self._queues([backlog], [0])
        await self._fill_deep(first, backlog["destination"]["id"], deep)
        same = [{**many, "id": f"crowd{number:06d}"} for number in range(crowd)]
        await self._queues(same, [1] * crowd, apart=True)
        if self._waypost.ground.db.shared:
            await self._waypost.ground.db.write(_analyze)
        plain = await self._waypost.configuration.destinations.create(
            OPERATOR, self._environment_id, {"name": "Plain", "endpoint": url}
        )
        return {"crowd": many["destination"]["id"], "plain": plain.id}

    async def refill(self, *, filled: int, dead: int, crowd: str) -> None:
        """Have all wait again: what is filled now, dead ones between their retries, the crowd for an hour."""
        now = self._waypost.ground.clock.now_ms()

        def write(tx: Tx) -> None:
            head = queue_head.update()
            tx.execute(
                head.where(queue_head.c.queue_id.between("live", f"live{filled - 1:06d}")).values(
                    cursor=0, state="ready", due_at=now
                )
            )
            if dead:
                ids = [f"dead{number:06d}" for number in range(dead)]
                due = [
                    {"id": name, "due": now + RETRY_MS * (number + 1) // dead} for number, name in enumerate(ids)
                ]
                tx.execute(
                    head.where(queue_head.c.queue_id == sa.bindparam("id")).values(
                        cursor=0, state="held", due_at=sa.bindparam("due"), attempts=3, destination_version=1
                    ),
                    due,
                )
            if crowd:
                version = sa.select(destination.c.version).where(destination.c.id == crowd).scalar_subquery()
                tx.execute(
                    head.where(queue_head.c.destination_id == crowd).values(
                        cursor=0, state="held", due_at=now + AN_HOUR_MS, attempts=3, destination_version=version
                    )
                )

        await self._waypost.ground.db.write(write)

    async def claim(self) -> dict[str, float]:
        """What it takes to find queues that are due and to load what waits, per message; in µs, the best of some.

        The best, because on a busy machine all others measure how long this one had to wait for the processor.
        """
        taken = []
        for number in range(CLAIMS):
            began = time.perf_counter()
            loaded = await self._waypost.ground.db.read(partial(self._claimed, number=number))
            taken.append((time.perf_counter() - began) / loaded)
        return {"µs": min(taken) * 1e6}

    def _claimed(self, tx: Tx, number: int) -> int:
        hot, now = self._waypost.ground.hot, self._waypost.ground.clock.now_ms()
        due, _ = hot.due(tx, now, 512, range(SHARDS))
        loaded = 0
        start = number * CLAIMED % len(due)
        for queue_id, _ in due[start : start + CLAIMED]:
            head = hot.head(tx, queue_id)
            assert head is not None  # noqa: S101 - it was there a moment ago
            loaded += len(list(hot.waiting(tx, queue_id, head.cursor, MESSAGES_A_LOAD)))
        return loaded

    async def _first(self, url: str) -> dict[str, Any]:
        """A queue made and filled as usual: the rows that all others are copies of."""
        waypost, environment_id = self._waypost, self._environment_id
        source = await waypost.configuration.sources.create(OPERATOR, environment_id, {"name": "rows"})
        made = await waypost.configuration.destinations.create(
            OPERATOR, environment_id, {"name": "Rows", "endpoint": url}
        )
        ends = {"source": {"id": source.id}, "destination": {"id": made.id}}
        subscription = await waypost.configuration.subscriptions.create(
            OPERATOR, environment_id, ends | {"dataModel": messages.DATA_MODEL}
        )
        await waypost.engine.intake.accept(environment_id, messages.numbered(source.id, made.id, 0))

        def rows(tx: Tx) -> dict[str, Any]:
            def one(table: sa.Table, where: sa.ColumnElement[bool]) -> dict[str, Any]:
                return dict(tx.execute(sa.select(table).where(where)).one()._mapping)

            return {
                "id": subscription.id,
                "destination": one(destination, destination.c.id == made.id),
                "log": one(log, log.c.destination_id == made.id),
                "head": one(queue_head, queue_head.c.queue_id == subscription.id),
            }

        return await waypost.ground.db.read(rows)

    def _queue(self, first: dict[str, Any], name: str, **changed: Any) -> dict[str, Any]:
        return {**first, "id": name, "destination": {**first["destination"], "id": new_id(), **changed}}

    async def _queues(self, made: Sequence[dict[str, Any]], tails: Sequence[int], *, apart: bool = False) -> None:
        """Their rows, with so many messages each; `apart` numbers those of one destination on."""
        logs, entries, heads, lasts = [], [], [], []
        for number, (queue, tail) in enumerate(zip(made, tails, strict=True)):
            queue_id, destination_id = queue["id"], queue["destination"]["id"]
            start = number if apart else 0
            for seq in range(start + 1, start + tail + 1):
                log_id = f"{queue_id}-{seq}"
                logs.append({**queue["log"], "id": log_id, "destination_id": destination_id, "seq": seq})
                entries.append({"queue_id": queue_id, "seq": seq, "log_id": log_id})
            own = {"queue_id": queue_id, "destination_id": destination_id}
            heads.append(
                {**queue["head"], **own, "shard": shard_of(destination_id), "state": "idle", "due_at": None}
            )
            lasts.append({**own, "last_seq": start + tail, "accepted": tail, "replayed": 0})
        counters = {
            row["destination_id"]: {"destination_id": row["destination_id"], "last": len(made)} for row in lasts
        }
        for table, rows in ((log, logs), (entry, entries), (queue_head, heads), (queue_tail, lasts)):
            await self._insert(table, rows)
        await self._insert(destination_seq, counters.values())

    async def _insert(self, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
        left = iter(rows)
        while some := list(islice(left, ROWS_AT_ONCE)):
            await self._waypost.ground.db.write(partial(_insert, table=table, rows=some))

    async def _fill_deep(self, first: dict[str, Any], destination_id: str, count: int) -> None:
        """A backlog in the queue `deep`, made by the store itself."""
        kept = {**first["log"], "destination_id": destination_id}
        for start in range(1, count + 1, DEEP_AT_ONCE):
            last = min(count, start + DEEP_AT_ONCE - 1)
            await self._waypost.ground.db.write(partial(_deepen, kept=kept, first=start, last=last))
        await self._waypost.ground.db.write(partial(_lengthen, count=count))


def _insert(tx: Tx, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    tx.execute(table.insert(), rows)


def _deepen(tx: Tx, kept: dict[str, Any], first: int, last: int) -> None:
    n = sa.select(sa.literal(first, sa.BigInteger).label("i")).cte("n", recursive=True)
    n = n.union_all(sa.select(n.c.i + 1).where(n.c.i < last))
    log_id = sa.literal("deep-").concat(sa.cast(n.c.i, sa.String))
    others = [column for column in log.c if column.name not in {"id", "seq"}]
    logs = sa.select(log_id, n.c.i, *(sa.literal(kept[column.name], column.type) for column in others))
    tx.execute(log.insert().from_select(["id", "seq", *(column.name for column in others)], logs))
    entries = sa.select(sa.literal("deep"), n.c.i, log_id)
    tx.execute(entry.insert().from_select(["queue_id", "seq", "log_id"], entries))


def _lengthen(tx: Tx, count: int) -> None:
    tail = queue_tail.update().where(queue_tail.c.queue_id == "deep")
    tx.execute(tail.values(last_seq=count, accepted=count))
    tx.execute(queue_head.update().where(queue_head.c.queue_id == "deep").values(state="ready", due_at=1))


def _analyze(tx: Tx) -> None:
    tx.exec_driver_sql("ANALYZE")
