"""The hot statements on SQLite: accept, claim, load, settle.

Hand-written, on the driver's own connection: they run for every message (`docs/decisions/0003`). Positions come
from one counter a destination; an acknowledgement moves a cursor, fenced by epoch and cursor, and deletes nothing.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any

from waypost.db.database import Tx
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
ROWS_A_STATEMENT = (64, 32, 16, 8, 4, 2, 1)

_NOW = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_ENVIRONMENT_VERSION = "SELECT version FROM environment WHERE id = ?"

_NEXT_SEQ = """
INSERT INTO destination_seq (destination_id, last) VALUES (?, 1)
ON CONFLICT (destination_id) DO UPDATE SET last = last + 1 RETURNING last
"""
# `[[destination, how many], …]`, and likewise below: one statement for many rows gives Python's lock back once,
# not once a row, so that the loop and the writer do not wait for each other at every step.
_NEXT_SEQS = """
INSERT INTO destination_seq (destination_id, last)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?) WHERE true
ON CONFLICT (destination_id) DO UPDATE SET last = last + excluded.last RETURNING destination_id, last
"""
_MESSAGE = (
    "INSERT INTO message (id, environment_id, source_id, body, meta_start, meta_end, accepted_at) VALUES {}",
    "(?, ?, ?, ?, ?, ?, ?)",
)
_LOG = (
    "INSERT INTO log (id, environment_id, message_id, source_id, destination_id, subscription_id, seq, replay_of,"
    " state, data_model, event_type, facility_code, attempts, accepted_at, updated_at, queues) VALUES {}",
    "(?, ?, ?, ?, ?, ?, ?, NULL, 'pending', ?, ?, ?, 0, ?, ?, ?)",
)
_LOG_AGAIN = """
INSERT INTO log (id, environment_id, message_id, source_id, destination_id, subscription_id, seq, replay_of,
                 state, data_model, event_type, facility_code, attempts, accepted_at, updated_at, queues)
SELECT ?, environment_id, message_id, source_id, destination_id, subscription_id, ?, id,
       'pending', data_model, event_type, facility_code, 0, ?, ?, ?
FROM log WHERE id = ?
"""
_ENTRY = ("INSERT INTO entry (queue_id, seq, log_id) VALUES {}", "(?, ?, ?)")
_TAILS = """
UPDATE queue_tail SET last_seq = json_extract(v.value, '$[1]'), accepted = accepted + json_extract(v.value, '$[2]')
FROM json_each(?) AS v WHERE queue_id = json_extract(v.value, '$[0]')
"""
_TAIL_AGAIN = """
UPDATE queue_tail SET last_seq = ?, accepted = accepted + 1, replayed = replayed + 1 WHERE queue_id = ?
"""
_CHILD_TAIL = """
INSERT INTO queue_tail (queue_id, destination_id, last_seq, accepted, replayed, joined) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (queue_id) DO UPDATE SET last_seq = excluded.last_seq, accepted = accepted + excluded.accepted,
    replayed = replayed + excluded.replayed, joined = joined + excluded.joined
"""
_CHILD_HEAD = """
INSERT INTO queue_head (queue_id, environment_id, subscription_id, destination_id, shard, cursor, due_at, since,
                        state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'ready')
ON CONFLICT (queue_id) DO UPDATE SET state = 'ready', due_at = excluded.due_at WHERE state = 'idle'
"""
_ROUSE = "UPDATE queue_head SET state = 'ready', due_at = ? WHERE queue_id = ? AND state = 'idle'"
_ROUSE_MANY = """
UPDATE queue_head SET state = 'ready', due_at = ?
WHERE queue_id IN (SELECT json_extract(value, '$[0]') FROM json_each(?)) AND state = 'idle'
"""

_HEAD = """
SELECT h.queue_id, h.destination_id, h.environment_id, h.subscription_id, h.shard, h.cursor, h.state, h.due_at,
       h.attempts, h.destination_version, h.credential_version, d.version, coalesce(c.version, 0),
       h.since, h.refused, s.park
FROM queue_head h
JOIN destination d ON d.id = h.destination_id
JOIN subscription s ON s.id = h.subscription_id
LEFT JOIN credential c ON c.id = d.credential_id
WHERE h.queue_id = ?
"""
_DUE = """
SELECT queue_id, destination_id FROM queue_head
WHERE due_at IS NOT NULL AND due_at <= ? AND destination_id NOT IN (SELECT value FROM json_each(?))
ORDER BY due_at LIMIT ?
"""
_NEXT_DUE = "SELECT min(due_at) FROM queue_head WHERE due_at IS NOT NULL AND due_at > ?"
_STALE = """
SELECT h.queue_id FROM queue_head h
JOIN destination d ON d.id = h.destination_id
LEFT JOIN credential c ON c.id = d.credential_id
WHERE h.destination_id = ? AND h.state = 'held'
  AND (h.destination_version <> d.version OR h.credential_version <> coalesce(c.version, 0))
LIMIT ?
"""
_PENDING = """
SELECT e.seq, e.log_id, m.id, l.replay_of, m.source_id, coalesce(s.name, ''), m.meta_start, m.meta_end, m.body,
       l.queues, l.subscription_id, coalesce(u.data_model, l.data_model), l.event_type, l.accepted_at
FROM entry e JOIN log l ON l.id = e.log_id JOIN message m ON m.id = l.message_id
LEFT JOIN source s ON s.id = m.source_id LEFT JOIN subscription u ON u.id = l.subscription_id
WHERE e.queue_id = ? AND e.seq > ? ORDER BY e.seq LIMIT ?
"""
_VERSIONS = """
SELECT d.id, d.version, coalesce(c.version, 0) FROM destination d LEFT JOIN credential c ON c.id = d.credential_id
WHERE d.id IN (SELECT value FROM json_each(?))
"""
_FENCED = "queue_id = :queue_id AND cursor = :cursor AND (SELECT epoch FROM shard WHERE id = :shard) = :epoch"
_ADVANCE = f"""
UPDATE queue_head SET cursor = :seq, delivered = delivered + :delivered, parked = parked + :parked,
    joined = joined + :joined, attempts = 0, refused = 0, reason = NULL, last_status = NULL,
    held_since = NULL, destination_version = :destination, credential_version = :credential,
    state = CASE WHEN state = 'paused' THEN 'paused'
        WHEN (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > :seq THEN 'ready'
        ELSE 'idle' END,
    due_at = CASE WHEN state <> 'paused'
        AND (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > :seq THEN :now END
WHERE {_FENCED} RETURNING state
"""  # noqa: S608 - only our own constant is put in
_ADVANCE_MANY = (
    "WITH given (queue_id, cursor, shard, epoch, seq, now, destination, credential) AS (VALUES {}) "
    """UPDATE queue_head SET cursor = given.seq, delivered = delivered + 1, attempts = 0, refused = 0,
    reason = NULL, last_status = NULL, held_since = NULL, destination_version = given.destination,
    credential_version = given.credential,
    state = CASE WHEN state = 'paused' THEN 'paused'
        WHEN (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > given.seq THEN 'ready'
        ELSE 'idle' END,
    due_at = CASE WHEN state <> 'paused'
        AND (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > given.seq
        THEN given.now END
FROM given WHERE queue_head.queue_id = given.queue_id AND queue_head.cursor = given.cursor
    AND (SELECT s.epoch FROM shard s WHERE s.id = given.shard) = given.epoch
RETURNING queue_head.queue_id, state""",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
)
_HOLD = f"""
UPDATE queue_head SET attempts = :attempts, refused = :refused, reason = :reason, last_status = :status,
    held_since = coalesce(held_since, :now), destination_version = :destination, credential_version = :credential,
    due_at = CASE WHEN state = 'paused' THEN NULL ELSE :due_at END,
    state = CASE WHEN state = 'paused' THEN 'paused' ELSE 'held' END
WHERE {_FENCED} RETURNING state
"""  # noqa: S608 - likewise
_WAIT = f"""
UPDATE queue_head SET state = 'waiting', due_at = :due_at, reason = :reason, last_status = NULL, held_since = NULL
WHERE {_FENCED} AND state <> 'paused' RETURNING state
"""  # noqa: S608 - likewise
_BEFORE = "SELECT 1 FROM entry WHERE queue_id = ? AND seq > ? AND seq < ? LIMIT 1"
_END_LOG = """
UPDATE log SET state = ?, attempts = attempts + 1, updated_at = ?, ended_at = ?, end_reason = ? WHERE id = ?
"""
_END_LOGS = (
    "WITH given (id, at) AS (VALUES {}) "
    """UPDATE log SET state = 'delivered', attempts = attempts + 1, updated_at = given.at, ended_at = given.at,
    end_reason = NULL FROM given WHERE log.id = given.id""",
    "(?, ?)",
)
_TRY_LOG = "UPDATE log SET attempts = attempts + 1, updated_at = ? WHERE id = ?"
_ATTEMPT = (
    "INSERT INTO attempt (id, log_id, started_at, ended_at, outcome, status, reason, answer) VALUES {}",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
)


def now_ms(tx: Tx) -> int:
    """The machine's clock, in ms."""
    return int(_raw(tx).execute(_NOW).fetchone()[0])


def turn(tx: Tx) -> int:
    """Nobody else changes anything here: the services say what they change."""
    return 0


def environment_version(tx: Tx, environment_id: str) -> int | None:
    """The version of what routes messages in the environment."""
    row = _raw(tx).execute(_ENVIRONMENT_VERSION, (environment_id,)).fetchone()
    return None if row is None else row[0]


def accept(tx: Tx, *given: Accept) -> dict[str, int]:
    """Write messages, logs, entries and tails, in the order of the messages; each log's sequence number.

    What many have in common is written once: a destination's counter, and a queue's tail and state.
    """
    raw = _raw(tx)
    numbers = _numbered(raw, given)
    _run(raw, _MESSAGE, [_message_row(each) for each in given])
    placed = [(each, addressee, numbers[addressee.log_id]) for each in given for addressee in each.addressees]
    _run(raw, _LOG, [_log_row(*place) for place in placed])
    own = [(addressee, seq) for _, addressee, seq in placed if addressee.since is None]
    if own:
        _run(raw, _ENTRY, [(addressee.queue_id, seq, addressee.log_id) for addressee, seq in own])
        counts = Counter(addressee.queue_id for addressee, _ in own)
        lasts = {addressee.queue_id: seq for addressee, seq in own}
        tails = json.dumps([(queue_id, seq, counts[queue_id]) for queue_id, seq in lasts.items()])
        raw.execute(_TAILS, (tails,))
        raw.execute(_ROUSE_MANY, (given[0].now_ms, tails))
    for each, addressee, seq in placed:
        if addressee.since is not None:
            _enter(raw, addressee, each.environment_id, seq, each.now_ms, replayed=0)
    return numbers


def replay(tx: Tx, given: Replay) -> int:
    """Write a new log of the same message, with its entry and tail; its sequence number."""
    raw, addressee, now = _raw(tx), given.addressee, given.now_ms
    seq: int = raw.execute(_NEXT_SEQ, (addressee.destination_id,)).fetchone()[0]
    raw.execute(_LOG_AGAIN, (addressee.log_id, seq, now, now, addressee.written, given.replay_of))
    if addressee.since is None:
        _run(raw, _ENTRY, [(addressee.queue_id, seq, addressee.log_id)])
        raw.execute(_TAIL_AGAIN, (seq, addressee.queue_id))
        raw.execute(_ROUSE, (now, addressee.queue_id))
    else:
        _enter(raw, addressee, given.environment_id, seq, now, replayed=1)
    return seq


def due(
    tx: Tx, now_ms: int, limit: int, shards: Collection[int], full: Collection[str] = ()
) -> tuple[list[tuple[str, str]], int | None]:
    """Queues whose time has come, longest waiting first, as (queue, destination); and when the next one is due.

    Those of the destinations in `full` are left out. The one process that there is owns every shard.
    """
    raw = _raw(tx)
    found = raw.execute(_DUE, (now_ms, json.dumps(list(full)), limit)).fetchall()
    return found, raw.execute(_NEXT_DUE, (now_ms,)).fetchone()[0]


def stale(tx: Tx, destination_id: str, limit: int) -> list[str]:
    """Held queues of a destination that have not met its newest version or that of its credential."""
    return [row[0] for row in _raw(tx).execute(_STALE, (destination_id, limit))]


def head(tx: Tx, queue_id: str) -> Head | None:
    """The queue's head row with the versions that count now."""
    row = _raw(tx).execute(_HEAD, (queue_id,)).fetchone()
    if row is None:
        return None
    return head_of(row)


def waiting(tx: Tx, queue_id: str, cursor: int, limit: int) -> Iterator[Pending]:
    """The next messages behind the cursor, bodies sealed; stops once they are many bytes together."""
    size = 0
    for row in _raw(tx).execute(_PENDING, (queue_id, cursor, limit)):
        yield Pending(*row)
        size += len(row[8])
        if size > MOST_BYTES_A_LOAD:
            return


def versions(tx: Tx, destination_ids: Collection[str]) -> dict[str, Versions]:
    """The versions that count now, of each destination that is there."""
    rows = _raw(tx).execute(_VERSIONS, (json.dumps(list(destination_ids)),))
    return {row[0]: Versions(row[1], row[2]) for row in rows}


def are_next(tx: Tx, cursors: Collection[tuple[str, int]], seq: int) -> bool:
    """Whether each of these queues stands at that cursor, with nothing before `seq`."""
    raw = _raw(tx)
    return all(
        raw.execute("SELECT cursor FROM queue_head WHERE queue_id = ?", (queue_id,)).fetchone() == (cursor,)
        and raw.execute(_BEFORE, (queue_id, cursor, seq)).fetchone() is None
        for queue_id, cursor in cursors
    )


def advance(
    tx: Tx, fence: Fence, sent: Pending, ended: Ended, seen: Versions, *, parked: str | None = None
) -> QueueState | None:
    """Record a delivered message and move the cursor past it; the queue's state, or None when fenced off.

    With `parked`, the reason, it ends so instead. A merged message moves the cursors of all its queues or none.
    """
    raw = _raw(tx)
    if fence.others and not are_next(tx, fence.others, sent.seq):
        return None
    values = {
        "seq": sent.seq, "now": ended.ended_at, "destination": seen.destination, "credential": seen.credential,
    }  # fmt: skip
    row = raw.execute(_ADVANCE, _fence(fence) | values | _counted(sent, fence.queue_id, parked)).fetchone()
    if row is None:
        return None
    for queue_id, cursor in fence.others:
        fenced = _fence(fence) | {"queue_id": queue_id, "cursor": cursor}
        raw.execute(_ADVANCE, fenced | values | _counted(sent, queue_id, parked))
    state = "delivered" if parked is None else "parked"
    raw.execute(_END_LOG, (state, ended.ended_at, ended.ended_at, parked, sent.log_id))
    _run(raw, _ATTEMPT, [_attempt_row(sent, ended)])
    return QueueState(row[0])


def advance_many(tx: Tx, given: Sequence[Delivery]) -> list[QueueState | None]:
    """`advance` for delivered messages, each in one queue and no two in the same; what came of each."""
    raw = _raw(tx)
    moved: dict[str, str] = dict(_run(raw, _ADVANCE_MANY, [_delivery_row(each) for each in given]))
    ended = [each for each in given if each.fence.queue_id in moved]
    _run(raw, _END_LOGS, [(each.sent.log_id, each.ended.ended_at) for each in ended])
    _run(raw, _ATTEMPT, [_attempt_row(each.sent, each.ended) for each in ended])
    return [QueueState(moved[each.fence.queue_id]) if each.fence.queue_id in moved else None for each in given]


def wait(tx: Tx, fence: Fence, reason: str, due_at: int) -> QueueState | None:
    """Have a queue look again later, or when it is roused; None when fenced off or paused."""
    row = _raw(tx).execute(_WAIT, _fence(fence) | {"reason": reason, "due_at": due_at}).fetchone()
    return None if row is None else QueueState(row[0])


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
    raw = _raw(tx)
    values = _fence(fence) | {
        "attempts": attempts, "reason": ended.reason, "status": ended.status, "now": ended.ended_at,
        "due_at": due_at, "destination": seen.destination, "credential": seen.credential, "refused": refused,
    }  # fmt: skip
    row = raw.execute(_HOLD, values).fetchone()
    if row is None:
        return None
    raw.execute(_TRY_LOG, (ended.ended_at, sent.log_id))
    _run(raw, _ATTEMPT, [_attempt_row(sent, ended)])
    return QueueState(row[0])


def _numbered(raw: Any, given: Sequence[Accept]) -> dict[str, int]:
    """The sequence number of each log: the next ones of its destination, in the order of the messages."""
    counts = Counter(addressee.destination_id for each in given for addressee in each.addressees)
    found = raw.execute(_NEXT_SEQS, (json.dumps(list(counts.items())),)).fetchall()
    last = {destination_id: number - counts[destination_id] for destination_id, number in found}
    numbers: dict[str, int] = {}
    for each in given:
        for addressee in each.addressees:
            last[addressee.destination_id] += 1
            numbers[addressee.log_id] = last[addressee.destination_id]
    return numbers


def _run(raw: Any, statement: tuple[str, str], rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """A statement for many rows, of few sizes, so that the driver has them all prepared; what it returns."""
    whole, places = statement
    found: list[Any] = []
    start = 0
    for size in ROWS_A_STATEMENT:
        while len(rows) - start >= size:
            values = whole.format(", ".join([places] * size))
            found += raw.execute(values, list(chain.from_iterable(rows[start : start + size]))).fetchall()
            start += size
    return found


def _message_row(given: Accept) -> tuple[Any, ...]:
    return (
        given.message_id, given.environment_id, given.source_id, given.body, given.meta_start, given.meta_end,
        given.now_ms,
    )  # fmt: skip


def _log_row(given: Accept, addressee: Addressee, seq: int) -> tuple[Any, ...]:
    return (
        addressee.log_id, given.environment_id, given.message_id, given.source_id, addressee.destination_id,
        addressee.subscription_id, seq, given.data_model, given.event_type, given.facility_code, given.now_ms,
        given.now_ms, addressee.written,
    )  # fmt: skip


def _delivery_row(given: Delivery) -> tuple[Any, ...]:
    fence, seen = given.fence, given.seen
    return (
        fence.queue_id, fence.cursor, fence.shard, fence.epoch, given.sent.seq, given.ended.ended_at,
        seen.destination, seen.credential,
    )  # fmt: skip


def _attempt_row(sent: Pending, ended: Ended) -> tuple[Any, ...]:
    return (
        ended.attempt_id, sent.log_id, ended.started_at, ended.ended_at, ended.outcome, ended.status, ended.reason,
        ended.answer,
    )  # fmt: skip


def _enter(raw: Any, addressee: Addressee, environment_id: str, seq: int, now: int, *, replayed: int) -> None:
    """An entry in each child queue, which is made where there is none; the log is counted in the first."""
    shard = shard_of(addressee.destination_id)
    for queue_id in addressee.queue_ids:
        _run(raw, _ENTRY, [(queue_id, seq, addressee.log_id)])
        first = queue_id == addressee.queue_id
        counts = (1, replayed, 0) if first else (0, 0, 1)
        raw.execute(_CHILD_TAIL, (queue_id, addressee.destination_id, seq, *counts))
        ids = (queue_id, environment_id, addressee.subscription_id, addressee.destination_id, shard)
        raw.execute(_CHILD_HEAD, (*ids, seq - 1, now, addressee.since))


def _counted(sent: Pending, queue_id: str, parked: str | None) -> dict[str, int]:
    delivered, ended, joined = sent.counted(queue_id, parked=parked is not None)
    return {"delivered": delivered, "parked": ended, "joined": joined}


def _fence(fence: Fence) -> dict[str, Any]:
    return {"queue_id": fence.queue_id, "cursor": fence.cursor, "shard": fence.shard, "epoch": fence.epoch}


def _raw(tx: Tx) -> Any:
    return tx.connection.driver_connection
