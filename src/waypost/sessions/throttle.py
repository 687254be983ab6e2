"""Failures that were counted, in the store: whoever guesses has to wait, on whichever node they ask.

An attempt is counted before it is judged, so that a thousand at once are no more than one after the other, and
taken back when it was right. What is guarded need not exist.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.sessions.model import Guarded

throttle = sa.Table(
    "throttle",
    metadata,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "expires_at"),
)


def begin(tx: Tx, guarded: Sequence[Guarded], now_ms: int) -> int:
    """Count an attempt as failed; or how many ms are still to be waited, and then nothing is counted."""
    found = {one: _row(tx, one, now_ms) for one in guarded}
    wait = max(until - now_ms for _, until in found.values())
    if wait > 0:
        return wait
    for one, (failures, _) in found.items():
        _put(tx, one, failures + 1, now_ms + one.limit.wait_ms(failures + 1), now_ms)
    return 0


def failed(tx: Tx, guarded: Sequence[Guarded], now_ms: int) -> int:
    """The attempt was wrong: the wait counts from now on; how many ms it is."""
    longest = 0
    for one in guarded:
        failures = max(1, _row(tx, one, now_ms)[0])
        wait = one.limit.wait_ms(failures)
        _put(tx, one, failures, now_ms + wait, now_ms)
        longest = max(longest, wait)
    return longest


def passed(tx: Tx, account: Guarded, address: Guarded, now_ms: int) -> None:
    """The attempt was right: the account's failures are forgotten, and of the address's this attempt alone."""
    clear(tx, account)
    _put(tx, address, max(0, _row(tx, address, now_ms)[0] - 1), now_ms, now_ms)


def clear(tx: Tx, one: Guarded) -> None:
    """Forget its failures."""
    tx.execute(throttle.delete().where(throttle.c.key == one.key))


def _row(tx: Tx, one: Guarded, now_ms: int) -> tuple[int, int]:
    """Failures, and until when no attempt counts."""
    c = throttle.c
    row = tx.execute(sa.select(c.failures, c.until).where(c.key == one.key, c.expires_at >= now_ms)).one_or_none()
    return (0, now_ms) if row is None else (row.failures, row.until)


def _put(tx: Tx, one: Guarded, failures: int, until: int, now_ms: int) -> None:
    values = {"failures": failures, "until": until, "expires_at": now_ms + one.limit.forgotten_ms}
    known = tx.execute(throttle.update().where(throttle.c.key == one.key).values(values)).rowcount
    if not known:
        tx.execute(throttle.insert().values(key=one.key, **values))
