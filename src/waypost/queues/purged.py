"""What retention has removed, counted: with these the ledger still adds up when its rows are gone."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata

REPLAYED = "replayed"

purged = sa.Table(
    "purged",
    metadata,
    sa.Column("subscription_id", sa.String(36), primary_key=True),
    sa.Column("delivered", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("filtered", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("skipped", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("parked", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column(REPLAYED, sa.BigInteger, nullable=False, server_default="0"),  # those of them that were replays
    sqlite_with_rowid=False,
)
"""One row a subscription; the four ends together are the logs that are gone."""


def count(tx: Tx, removed: Iterable[Any]) -> None:
    """Count log rows removed in this transaction, by subscription and end. Whoever removes takes a turn."""
    found: dict[str, Counter[str]] = {}
    for row in removed:
        counts = found.setdefault(row.subscription_id, Counter())
        counts[row.state] += 1
        counts[REPLAYED] += row.replay_of is not None
    for subscription_id, counts in found.items():
        mine = purged.c.subscription_id == subscription_id
        more = {name: purged.c[name] + number for name, number in counts.items()}
        if not tx.execute(purged.update().where(mine).values(more)).rowcount:
            tx.execute(purged.insert().values(subscription_id=subscription_id, **counts))
