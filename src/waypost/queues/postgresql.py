"""The hot statements on PostgreSQL: accept, claim, load, settle. `sqlite.py` says why each is as it is.

Run them in a write `beside` others that holds `port.accepting` or `port.settling`: the rows are locked before
the statement's snapshot is taken, so one statement may read what it must not miss. Each writes in one round trip.
"""

from collections.abc import Collection, Iterator

from waypost.db.database import Tx
from waypost.db.postgresql import fetch
from waypost.queues.model import Accept, Ended, Fence, Head, Pending, Replay, State, Versions

MOST_BYTES_A_LOAD = 2_000_000

_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_TURN = "SELECT number FROM writer_turn WHERE id = 1"
_ENVIRONMENT_VERSION = "SELECT version FROM environment WHERE id = $1"

# Destinations are taken in id order; the lock on each counter is held to the commit (ENGINE invariant 1).
_ACCEPT = """
WITH target AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
        AS t (destination_id, log_id, queue_id, subscription_id)
), accepted AS (
    INSERT INTO message (id, environment_id, source_id, body, meta_start, meta_end, accepted_at)
    VALUES ($5, $6, $7, $8, $9, $10, $11)
), numbered AS (
    INSERT INTO destination_seq (destination_id, last) SELECT destination_id, 1 FROM target ORDER BY destination_id
    ON CONFLICT (destination_id) DO UPDATE SET last = destination_seq.last + 1 RETURNING destination_id, last
), placed AS MATERIALIZED (
    SELECT target.*, numbered.last AS seq FROM target JOIN numbered USING (destination_id)
), logged AS (
    INSERT INTO log (id, environment_id, message_id, source_id, destination_id, subscription_id, seq, state,
                     data_model, event_type, facility_code, attempts, accepted_at, updated_at)
    SELECT log_id, $6, $5, $7, destination_id, subscription_id, seq, 'pending', $12, $13, $14, 0, $11, $11
    FROM placed
), entered AS (
    INSERT INTO entry (queue_id, seq, log_id) SELECT queue_id, seq, log_id FROM placed
), lengthened AS (
    UPDATE queue_tail t SET last_seq = p.seq, accepted = t.accepted + 1 FROM placed p WHERE t.queue_id = p.queue_id
), roused AS (
    UPDATE queue_head h SET state = 'ready', due_at = $11 FROM placed p
    WHERE h.queue_id = p.queue_id AND h.state = 'idle'
)
SELECT log_id, seq FROM placed
"""
_NEXT_SEQ = """
INSERT INTO destination_seq (destination_id, last) VALUES ($1, 1)
ON CONFLICT (destination_id) DO UPDATE SET last = destination_seq.last + 1 RETURNING last
"""
_LOG_AGAIN = """
INSERT INTO log (id, environment_id, message_id, source_id, destination_id, subscription_id, seq, replay_of,
                 state, data_model, event_type, facility_code, attempts, accepted_at, updated_at)
SELECT $1, environment_id, message_id, source_id, destination_id, subscription_id, $2, id,
       'pending', data_model, event_type, facility_code, 0, $3, $3
FROM log WHERE id = $4
"""
_ENTRY = "INSERT INTO entry (queue_id, seq, log_id) VALUES ($1, $2, $3)"
_TAIL_AGAIN = """
UPDATE queue_tail SET last_seq = $1, accepted = accepted + 1, replayed = replayed + 1 WHERE queue_id = $2
"""
_ROUSE = "UPDATE queue_head SET state = 'ready', due_at = $1 WHERE queue_id = $2 AND state = 'idle'"
_DUE = """
SELECT queue_id, destination_id FROM queue_head
WHERE due_at IS NOT NULL AND due_at <= $1 AND shard = ANY($3) AND destination_id <> ALL($4)
ORDER BY due_at LIMIT $2
"""
_NEXT_DUE = "SELECT min(due_at) FROM queue_head WHERE due_at IS NOT NULL AND due_at > $1 AND shard = ANY($2)"
_HEAD = """
SELECT h.queue_id, h.destination_id, h.environment_id, h.subscription_id, h.shard, h.cursor, h.state, h.due_at,
       h.attempts, h.destination_version, h.credential_version, d.version, coalesce(c.version, 0)
FROM queue_head h
JOIN destination d ON d.id = h.destination_id
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
SELECT e.seq, e.log_id, m.id, l.replay_of, m.source_id, coalesce(s.name, ''), m.meta_start, m.meta_end, m.body
FROM entry e JOIN log l ON l.id = e.log_id JOIN message m ON m.id = l.message_id
LEFT JOIN source s ON s.id = m.source_id
WHERE e.queue_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3
"""
_VERSIONS = """
SELECT d.version, coalesce(c.version, 0) FROM destination d LEFT JOIN credential c ON c.id = d.credential_id
WHERE d.id = $1
"""
_FENCED = "queue_id = $1 AND cursor = $2 AND (SELECT epoch FROM shard WHERE id = $3) = $4"
_ATTEMPT = """
INSERT INTO attempt (id, log_id, started_at, ended_at, outcome, status, reason, answer)
SELECT $8, $9, $10, $11, $12, $13, $14, $15 FROM moved
"""
_ADVANCE = f"""
WITH moved AS (
    UPDATE queue_head SET cursor = $5, delivered = delivered + 1, attempts = 0, reason = NULL, last_status = NULL,
        held_since = NULL, destination_version = $6, credential_version = $7,
        state = CASE WHEN state = 'paused' THEN 'paused'
            WHEN (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > $5 THEN 'ready'
            ELSE 'idle' END,
        due_at = CASE WHEN state <> 'paused'
            AND (SELECT last_seq FROM queue_tail t WHERE t.queue_id = queue_head.queue_id) > $5
            THEN $11::bigint END
    WHERE {_FENCED} RETURNING state
), ended AS (
    UPDATE log SET state = 'delivered', attempts = attempts + 1, updated_at = $11, ended_at = $11
    WHERE id = $9 AND EXISTS (SELECT 1 FROM moved)
), tried AS ({_ATTEMPT})
SELECT state FROM moved
"""  # noqa: S608 - only our own constants are put in
_HOLD = f"""
WITH moved AS (
    UPDATE queue_head SET attempts = $5, reason = $14, last_status = $13,
        held_since = coalesce(held_since, $11), destination_version = $6, credential_version = $7,
        due_at = CASE WHEN state = 'paused' THEN NULL ELSE $16::bigint END,
        state = CASE WHEN state = 'paused' THEN 'paused' ELSE 'held' END
    WHERE {_FENCED} RETURNING state
), ended AS (
    UPDATE log SET attempts = attempts + 1, updated_at = $11 WHERE id = $9 AND EXISTS (SELECT 1 FROM moved)
), tried AS ({_ATTEMPT})
SELECT state FROM moved
"""  # noqa: S608 - likewise


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


def accept(tx: Tx, given: Accept) -> dict[str, int]:
    """Write message, logs, entries and tails; the sequence number of each log."""
    targets = sorted(given.targets, key=lambda target: target.destination_id)
    rows = fetch(
        tx, _ACCEPT,
        [target.destination_id for target in targets],
        [target.log_id for target in targets],
        [target.queue_id for target in targets],
        [target.subscription_id for target in targets],
        given.message_id, given.environment_id, given.source_id, given.body, given.meta_start, given.meta_end,
        given.now_ms, given.data_model, given.event_type, given.facility_code,
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


def replay(tx: Tx, given: Replay) -> int:
    """Write a new log of the same message, with its entry and tail; its sequence number.

    A statement each: nothing was locked before, and the head must be looked at once the tail is.
    """
    seq: int = fetch(tx, _NEXT_SEQ, given.destination_id)[0][0]
    fetch(tx, _LOG_AGAIN, given.log_id, seq, given.now_ms, given.replay_of)
    fetch(tx, _ENTRY, given.queue_id, seq, given.log_id)
    fetch(tx, _TAIL_AGAIN, seq, given.queue_id)
    fetch(tx, _ROUSE, given.now_ms, given.queue_id)
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
    return Head(
        queue_id=row[0],
        destination_id=row[1],
        environment_id=row[2],
        subscription_id=row[3],
        shard=row[4],
        cursor=row[5],
        state=State(row[6]),
        due_at=row[7],
        attempts=row[8],
        seen=Versions(row[9], row[10]),
        now=Versions(row[11], row[12]),
    )


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


def versions(tx: Tx, destination_id: str) -> Versions:
    """The versions that count now; a destination that is gone has none that anybody saw."""
    found = fetch(tx, _VERSIONS, destination_id)
    return Versions(*found[0]) if found else Versions(-1, -1)


def advance(tx: Tx, fence: Fence, sent: Pending, ended: Ended, seen: Versions) -> State | None:
    """Record a delivered message and move the cursor past it; the queue's state, or None when fenced off."""
    found = fetch(
        tx, _ADVANCE, *_fence(fence), sent.seq, seen.destination, seen.credential, *_attempt(sent, ended)
    )
    return State(found[0][0]) if found else None


def hold(
    tx: Tx, fence: Fence, sent: Pending, ended: Ended, *, seen: Versions, attempts: int, due_at: int
) -> State | None:
    """Record a failed attempt and say when the next one is due; the queue's state, or None when fenced off."""
    found = fetch(
        tx, _HOLD, *_fence(fence), attempts, seen.destination, seen.credential, *_attempt(sent, ended), due_at
    )
    return State(found[0][0]) if found else None


def _attempt(sent: Pending, ended: Ended) -> tuple[object, ...]:
    return (
        ended.attempt_id, sent.log_id, ended.started_at, ended.ended_at, ended.outcome, ended.status,
        ended.reason, ended.answer,
    )  # fmt: skip


def _fence(fence: Fence) -> tuple[object, ...]:
    return fence.queue_id, fence.cursor, fence.shard, fence.epoch
