"""The hot statements on PostgreSQL: accept, claim, load, settle. `sqlite.py` says why each is as it is.

Run them in a write `beside` others that holds `port.rows_of_accept` or `port.rows_of_settle`: the rows are locked
before the statement's snapshot is taken, so one statement may read what it must not miss. Each writes in one round
trip.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from waypost.db.database import Tx
from waypost.db.postgresql.connections import fetch
from waypost.queues.model import (
    Accept,
    Addressee,
    Delivery,
    Ended,
    Fence,
    Head,
    Pending,
    QueueState,
    Replay,
    Versions,
    head_of,
    shard_of,
)

MOST_BYTES_A_LOAD = 2_000_000

# A message is due when it is there: the clock of the node that took it may be ahead of those who deliver.
_HERE = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_NOW = f"SELECT {_HERE}"
_TURN = "SELECT number FROM writer_turn WHERE id = 1"
_ENVIRONMENT_VERSION = "SELECT version FROM environment WHERE id = $1"

_MESSAGE = ("message_id", "environment_id", "source_id", "body", "meta_start", "meta_end", "now_ms")
# Messages $1 to $7; counters $8, $9: how many logs each destination gets; logs from $10 on, `place` counting in
# their destination. Counters are taken in the order of ids; the lock on each is held to the commit (invariant 1).
_PLACED = """
WITH accepted AS (
    INSERT INTO message (id, environment_id, source_id, body, meta_start, meta_end, accepted_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::int[], $6::int[], $7::bigint[])
), numbered AS (
    INSERT INTO destination_seq (destination_id, last)
    SELECT destination_id, logs FROM unnest($8::text[], $9::bigint[]) AS c (destination_id, logs) ORDER BY 1
    ON CONFLICT (destination_id) DO UPDATE SET last = destination_seq.last + excluded.last
    RETURNING destination_id, last
), counter AS (
    SELECT destination_id, last - logs AS before
    FROM numbered JOIN unnest($8::text[], $9::bigint[]) AS c (destination_id, logs) USING (destination_id)
), placed AS MATERIALIZED (
    SELECT addressee.*, counter.before + addressee.place AS seq
    FROM unnest($10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
                $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::bigint[])
        AS addressee (destination_id, place, log_id, queue_id, subscription_id, message_id, environment_id,
                      source_id, data_model, event_type, facility_code, queues, accepted_at)
    JOIN counter USING (destination_id)
), logged AS (
    INSERT INTO log (id, environment_id, message_id, source_id, destination_id, subscription_id, seq, state,
                     data_model, event_type, facility_code, attempts, accepted_at, updated_at, queues)
    SELECT log_id, environment_id, message_id, source_id, destination_id, subscription_id, seq, 'pending',
           data_model, event_type, facility_code, 0, accepted_at, accepted_at, queues
    FROM placed
)"""
_ACCEPT = f"""
{_PLACED}, entered AS (
    INSERT INTO entry (queue_id, seq, log_id) SELECT queue_id, seq, log_id FROM placed
), longer AS MATERIALIZED (
    SELECT queue_id, max(seq) AS seq, count(*) AS logs, min(accepted_at) AS since FROM placed GROUP BY queue_id
), lengthened AS (
    UPDATE queue_tail t SET last_seq = l.seq, accepted = t.accepted + l.logs FROM longer l
    WHERE t.queue_id = l.queue_id
), roused AS (
    UPDATE queue_head h SET state = 'ready', due_at = least(l.since, {_HERE}) FROM longer l
    WHERE h.queue_id = l.queue_id AND h.state = 'idle'
)
SELECT log_id, seq FROM placed
"""  # noqa: S608 - only our own constants are put in
# The same where addressees are child queues: rows of queues are made where there are none. What is made cannot be
# seen before the statement ends, so that queues are roused by another one.
_ACCEPT_CHILDREN = f"""
{_PLACED}
SELECT log_id, seq FROM placed
"""  # noqa: S608 - likewise
_NEXT_SEQ = """
INSERT INTO destination_seq (destination_id, last) VALUES ($1, 1)
ON CONFLICT (destination_id) DO UPDATE SET last = destination_seq.last + 1 RETURNING last
"""
_LOG_AGAIN = """
INSERT INTO log (id, environment_id, message_id, source_id, destination_id, subscription_id, seq, replay_of,
                 state, data_model, event_type, facility_code, attempts, accepted_at, updated_at, queues)
SELECT $1, environment_id, message_id, source_id, destination_id, subscription_id, $2, id,
       'pending', data_model, event_type, facility_code, 0, $3, $3, $5
FROM log WHERE id = $4
"""
# One log's place in its queues: $1 queues; a number each for: $2 counted here, $3 a replay, $4 counted elsewhere.
_ENTER = """
WITH part AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
        AS p (queue_id, accepted, replayed, joined) ORDER BY 1
), entered AS (
    INSERT INTO entry (queue_id, seq, log_id) SELECT queue_id, $6, $5 FROM part
), lengthened AS (
    INSERT INTO queue_tail AS t (queue_id, destination_id, last_seq, accepted, replayed, joined)
    SELECT queue_id, $7, $6, accepted, replayed, joined FROM part
    ON CONFLICT (queue_id) DO UPDATE SET last_seq = excluded.last_seq, accepted = t.accepted + excluded.accepted,
        replayed = t.replayed + excluded.replayed, joined = t.joined + excluded.joined
)
INSERT INTO queue_head (queue_id, environment_id, subscription_id, destination_id, shard, cursor, state, since)
SELECT queue_id, $8, $9, $7, $10, $6 - 1, 'idle', $11 FROM part WHERE $11::bigint IS NOT NULL
ON CONFLICT (queue_id) DO NOTHING
"""
_ROUSE = f"""
UPDATE queue_head SET state = 'ready', due_at = least($1, {_HERE})
WHERE queue_id = ANY($2::text[]) AND state = 'idle'
"""  # noqa: S608 - likewise
_DUE = """
SELECT queue_id, destination_id FROM queue_head
WHERE due_at IS NOT NULL AND due_at <= $1 AND shard = ANY($3) AND destination_id <> ALL($4)
ORDER BY due_at LIMIT $2
"""
_NEXT_DUE = "SELECT min(due_at) FROM queue_head WHERE due_at IS NOT NULL AND due_at > $1 AND shard = ANY($2)"
_HEAD = """
SELECT h.queue_id, h.destination_id, h.environment_id, h.subscription_id, h.shard, h.cursor, h.state, h.due_at,
       h.attempts, h.destination_version, h.credential_version, d.version, coalesce(c.version, 0),
       h.since, h.refused, s.park
FROM queue_head h
JOIN destination d ON d.id = h.destination_id
JOIN subscription s ON s.id = h.subscription_id
LEFT JOIN credential c ON c.id = d.credential_id
WHERE h.queue_id = $1
"""
_STALE = """
SELECT h.queue_id FROM queue_head h
JOIN destination d ON d.id = h.destination_id
LEFT JOIN credential c ON c.id = d.credential_id
WHERE h.destination_id = $1 AND h.state = 'held'
  AND (h.destination_version <> d.version OR h.credential_version <> coalesce(c.version, 0))
LIMIT $2
"""
_PENDING = """
SELECT e.seq, e.log_id, m.id, l.replay_of, m.source_id, coalesce(s.name, ''), m.meta_start, m.meta_end, m.body,
       l.queues, l.subscription_id, coalesce(u.data_model, l.data_model), l.event_type, l.accepted_at
FROM entry e JOIN log l ON l.id = e.log_id JOIN message m ON m.id = l.message_id
LEFT JOIN source s ON s.id = m.source_id LEFT JOIN subscription u ON u.id = l.subscription_id
WHERE e.queue_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3
"""
_VERSIONS = """
SELECT d.id, d.version, coalesce(c.version, 0) FROM destination d LEFT JOIN credential c ON c.id = d.credential_id
WHERE d.id = ANY($1::text[])
"""
_FENCED = "queue_id = $1 AND cursor = $2 AND (SELECT epoch FROM shard WHERE id = $3) = $4"
_ATTEMPT = """
INSERT INTO attempt (id, log_id, started_at, ended_at, outcome, status, reason, answer)
SELECT $8, $9, $10, $11, $12, $13, $14, $15 FROM moved
"""
_ADVANCE = f"""
WITH moved AS (
    UPDATE queue_head SET cursor = $5, delivered = delivered + $16, parked = parked + $17, joined = joined + $18,
        attempts = 0, refused = 0, reason = NULL, last_status = NULL, held_since = NULL,
        destination_version = $6, credential_version = $7,
        state = CASE WHEN state = 'paused' THEN 'paused'
            WHEN (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > $5 THEN 'ready'
            ELSE 'idle' END,
        due_at = CASE WHEN state <> 'paused'
            AND (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > $5
            THEN $11::bigint END
    WHERE {_FENCED} RETURNING state
), ended AS (
    UPDATE log SET state = $19, attempts = attempts + 1, updated_at = $11, ended_at = $11, end_reason = $20
    WHERE id = $9 AND EXISTS (SELECT 1 FROM moved)
), tried AS ({_ATTEMPT})
SELECT state FROM moved
"""  # noqa: S608 - only our own constants are put in
_HOLD = f"""
WITH moved AS (
    UPDATE queue_head SET attempts = $5, refused = $17, reason = $14, last_status = $13,
        held_since = coalesce(held_since, $11), destination_version = $6, credential_version = $7,
        due_at = CASE WHEN state = 'paused' THEN NULL ELSE $16::bigint END,
        state = CASE WHEN state = 'paused' THEN 'paused' ELSE 'held' END
    WHERE {_FENCED} RETURNING state
), ended AS (
    UPDATE log SET attempts = attempts + 1, updated_at = $11 WHERE id = $9 AND EXISTS (SELECT 1 FROM moved)
), tried AS ({_ATTEMPT})
SELECT state FROM moved
"""  # noqa: S608 - likewise
# Many at a time, of one queue each: the fence, what moves the cursor, and the attempt.
_ADVANCE_MANY = """
WITH moved AS (
    UPDATE queue_head h SET cursor = g.seq, delivered = h.delivered + 1, attempts = 0, refused = 0, reason = NULL,
        last_status = NULL, held_since = NULL, destination_version = g.destination,
        credential_version = g.credential,
        state = CASE WHEN h.state = 'paused' THEN 'paused'
            WHEN (SELECT last_seq FROM queue_tail t WHERE t.queue_id = h.queue_id) > g.seq THEN 'ready'
            ELSE 'idle' END,
        due_at = CASE WHEN h.state <> 'paused'
            AND (SELECT last_seq FROM queue_tail t WHERE t.queue_id = h.queue_id) > g.seq THEN g.ended_at END
    FROM unnest($1::text[], $2::bigint[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::int[])
        AS g (queue_id, cursor, shard, epoch, seq, destination, credential, attempt_id, log_id, started_at,
              ended_at, status)
    WHERE h.queue_id = g.queue_id AND h.cursor = g.cursor
        AND (SELECT epoch FROM shard WHERE id = g.shard) = g.epoch
    RETURNING h.queue_id, h.state, g.attempt_id, g.log_id, g.started_at, g.ended_at, g.status
), ended AS (
    UPDATE log l SET state = 'delivered', attempts = l.attempts + 1, updated_at = m.ended_at,
        ended_at = m.ended_at, end_reason = NULL
    FROM moved m WHERE l.id = m.log_id
), tried AS (
    INSERT INTO attempt (id, log_id, started_at, ended_at, outcome, status)
    SELECT attempt_id, log_id, started_at, ended_at, 'delivered', status FROM moved
)
SELECT queue_id, state FROM moved
"""
_ADVANCE_OTHER = """
UPDATE queue_head SET cursor = $3, delivered = delivered + $6, parked = parked + $7, joined = joined + $8,
    attempts = 0, refused = 0, reason = NULL, last_status = NULL, held_since = NULL,
    destination_version = $4, credential_version = $5,
    state = CASE WHEN state = 'paused' THEN 'paused'
        WHEN (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > $3 THEN 'ready'
        ELSE 'idle' END,
    due_at = CASE WHEN state <> 'paused'
        AND (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > $3 THEN $9::bigint END
WHERE queue_id = $1 AND cursor = $2
"""
_WAIT = f"""
UPDATE queue_head SET state = 'waiting', due_at = $6, reason = $5, last_status = NULL, held_since = NULL
WHERE {_FENCED} AND state <> 'paused' RETURNING state
"""  # noqa: S608 - likewise
_STANDS = "SELECT queue_id, cursor FROM queue_head WHERE queue_id = ANY($1::text[]) ORDER BY queue_id"
_BEFORE = "SELECT 1 FROM entry WHERE queue_id = $1 AND seq > $2 AND seq < $3 LIMIT 1"


def now_ms(tx: Tx) -> int:
    """The database's clock, in ms."""
    return int(fetch(tx, _NOW)[0][0])


def turn(tx: Tx) -> int:
    """A number that moves with every write which took its turn: with each change of configuration."""
    found = fetch(tx, _TURN)
    return int(found[0][0]) if found else 0


def environment_version(tx: Tx, environment_id: str) -> int | None:
    """The version of what routes messages in the environment."""
    found = fetch(tx, _ENVIRONMENT_VERSION, environment_id)
    return int(found[0][0]) if found else None


def accept(tx: Tx, *given: Accept) -> dict[str, int]:
    """Write messages, logs, entries and tails, in the order of the messages; each log's sequence number."""
    numbers: dict[str, int] = {}
    for children, each in groupby(given, _is_for_children):
        messages = list(each)
        if children:
            for message in messages:
                numbers |= _accept_children(tx, message)
        else:
            numbers |= _pairs(fetch(tx, _ACCEPT, *_placed(messages)))
    return numbers


def replay(tx: Tx, given: Replay) -> int:
    """Write a new log of the same message, with its entry and tail; its sequence number.

    A statement each: nothing was locked before, and the head must be looked at once the tail is.
    """
    addressee, now = given.addressee, given.now_ms
    seq: int = fetch(tx, _NEXT_SEQ, addressee.destination_id)[0][0]
    fetch(tx, _LOG_AGAIN, addressee.log_id, seq, now, given.replay_of, addressee.written)
    _enter(tx, addressee, given.environment_id, seq, replayed=1)
    fetch(tx, _ROUSE, now, list(addressee.queue_ids))
    return seq


def due(
    tx: Tx, now_ms: int, limit: int, shards: Collection[int], full: Collection[str] = ()
) -> tuple[list[tuple[str, str]], int | None]:
    """Queues of these shards whose time has come, longest waiting first; and when the next one is due.

    Those of the destinations in `full` are left out.
    """
    owned = list(shards)
    found = [(row[0], row[1]) for row in fetch(tx, _DUE, now_ms, limit, owned, list(full))]
    return found, fetch(tx, _NEXT_DUE, now_ms, owned)[0][0]


def stale(tx: Tx, destination_id: str, limit: int) -> list[str]:
    """Held queues of a destination that have not met its newest version or that of its credential."""
    return [row[0] for row in fetch(tx, _STALE, destination_id, limit)]


def head(tx: Tx, queue_id: str) -> Head | None:
    """The queue's head row with the versions that count now."""
    found = fetch(tx, _HEAD, queue_id)
    if not found:
        return None
    row = found[0]
    return head_of(row)


def waiting(tx: Tx, queue_id: str, cursor: int, limit: int) -> Iterator[Pending]:
    """The next messages behind the cursor, bodies sealed; stops once they are many bytes together."""
    size, step = 0, max(1, limit // 4)
    while limit > 0:
        rows = fetch(tx, _PENDING, queue_id, cursor, min(step, limit))
        for row in rows:
            yield Pending(*row)
            size += len(row[8])
            if size > MOST_BYTES_A_LOAD:
                return
        if len(rows) < min(step, limit):
            return
        cursor, limit = rows[-1][0], limit - step


def versions(tx: Tx, destination_ids: Collection[str]) -> dict[str, Versions]:
    """The versions that count now, of each destination that is there."""
    return {row[0]: Versions(row[1], row[2]) for row in fetch(tx, _VERSIONS, list(destination_ids))}


def are_next(tx: Tx, cursors: Collection[tuple[str, int]], seq: int, *, lock: bool = False) -> bool:
    """Whether each of these queues stands at that cursor, with nothing before `seq`; with `lock` it stays so."""
    statement = f"{_STANDS} FOR UPDATE" if lock else _STANDS
    found = {(row[0], row[1]) for row in fetch(tx, statement, [queue_id for queue_id, _ in cursors])}
    return found == set(cursors) and not any(
        fetch(tx, _BEFORE, queue_id, cursor, seq) for queue_id, cursor in cursors
    )


def advance(
    tx: Tx, fence: Fence, sent: Pending, ended: Ended, seen: Versions, *, parked: str | None = None
) -> QueueState | None:
    """Record a delivered message and move the cursor past it; the queue's state, or None when fenced off.

    With `parked`, the reason, it ends so instead. A merged message moves the cursors of all its queues or none.
    """
    if fence.others and not are_next(tx, [(fence.queue_id, fence.cursor), *fence.others], sent.seq, lock=True):
        return None
    moved = (sent.seq, seen.destination, seen.credential)
    state = "delivered" if parked is None else "parked"
    ends = sent.counted(fence.queue_id, parked=parked is not None)
    found = fetch(tx, _ADVANCE, *_fence(fence), *moved, *_attempt(sent, ended), *ends, state, parked)
    if not found:
        return None
    for queue_id, cursor in fence.others:
        ends = sent.counted(queue_id, parked=parked is not None)
        fetch(tx, _ADVANCE_OTHER, queue_id, cursor, *moved, *ends, ended.ended_at)
    return QueueState(found[0][0])


def advance_many(tx: Tx, given: Sequence[Delivery]) -> list[QueueState | None]:
    """`advance` for delivered messages, each in one queue and no two in the same; what came of each."""
    rows = [
        (
            *_fence(each.fence), each.sent.seq, each.seen.destination, each.seen.credential,
            each.ended.attempt_id, each.sent.log_id, each.ended.started_at, each.ended.ended_at, each.ended.status,
        )
        for each in sorted(given, key=lambda each: each.fence.queue_id)  # in the order in which others lock them
    ]  # fmt: skip
    moved = _pairs(fetch(tx, _ADVANCE_MANY, *(list(column) for column in zip(*rows, strict=True))))
    return [QueueState(moved[each.fence.queue_id]) if each.fence.queue_id in moved else None for each in given]


def wait(tx: Tx, fence: Fence, reason: str, due_at: int) -> QueueState | None:
    """Have a queue look again later, or when it is roused; None when fenced off or paused."""
    found = fetch(tx, _WAIT, *_fence(fence), reason, due_at)
    return QueueState(found[0][0]) if found else None


def hold(
    tx: Tx,
    fence: Fence,
    sent: Pending,
    ended: Ended,
    *,
    seen: Versions,
    attempts: int,
    due_at: int,
    refused: int = 0,
) -> QueueState | None:
    """Record a failed attempt and say when the next one is due; the queue's state, or None when fenced off."""
    found = fetch(
        tx, _HOLD, *_fence(fence), attempts, seen.destination, seen.credential, *_attempt(sent, ended),
        due_at, refused,
    )  # fmt: skip
    return QueueState(found[0][0]) if found else None


def _is_for_children(given: Accept) -> bool:
    return any(addressee.since is not None for addressee in given.addressees)


def _placed(given: Sequence[Accept]) -> Iterator[list[Any]]:
    """The arrays of `_PLACED`."""
    for name in _MESSAGE:
        yield [getattr(each, name) for each in given]
    logs: Counter[str] = Counter()
    rows = []
    for each in given:
        for addressee in each.addressees:
            logs[addressee.destination_id] += 1
            rows.append(
                (
                    addressee.destination_id, logs[addressee.destination_id], addressee.log_id, addressee.queue_id,
                    addressee.subscription_id, each.message_id, each.environment_id, each.source_id,
                    each.data_model, each.event_type, each.facility_code, addressee.written, each.now_ms,
                )
            )  # fmt: skip
    yield list(logs)
    yield list(logs.values())
    yield from (list(column) for column in zip(*rows, strict=True))


def _pairs(rows: Iterable[Any]) -> dict[str, Any]:
    return {row[0]: row[1] for row in rows}


def _accept_children(tx: Tx, given: Accept) -> dict[str, int]:
    """The same for one message, where some addressees are child queues."""
    numbers = _pairs(fetch(tx, _ACCEPT_CHILDREN, *_placed([given])))
    for addressee in sorted(given.addressees, key=lambda addressee: addressee.destination_id):
        _enter(tx, addressee, given.environment_id, numbers[addressee.log_id], replayed=0)
    queue_ids = sorted(queue_id for addressee in given.addressees for queue_id in addressee.queue_ids)
    fetch(tx, _ROUSE, given.now_ms, queue_ids)
    return numbers


def _enter(tx: Tx, addressee: Addressee, environment_id: str, seq: int, *, replayed: int) -> None:
    """An entry in each queue of an addressee, missing child queues made; the log counts in the first."""
    more = len(addressee.others)
    fetch(
        tx, _ENTER, list(addressee.queue_ids), [1] + [0] * more, [replayed] + [0] * more, [0] + [1] * more,
        addressee.log_id, seq, addressee.destination_id, environment_id, addressee.subscription_id,
        shard_of(addressee.destination_id), addressee.since,
    )  # fmt: skip


def _attempt(sent: Pending, ended: Ended) -> tuple[object, ...]:
    return (
        ended.attempt_id, sent.log_id, ended.started_at, ended.ended_at, ended.outcome, ended.status,
        ended.reason, ended.answer,
    )  # fmt: skip


def _fence(fence: Fence) -> tuple[object, ...]:
    return fence.queue_id, fence.cursor, fence.shard, fence.epoch
