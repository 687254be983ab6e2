"""Rows that hold sealed bodies, read for people."""

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.logs.store import log
from waypost.queues.store import message


def body_of(tx: Tx, log_id: str) -> tuple[str, bytes] | None:
    """Id and sealed body of a log's message; None when it is no longer kept."""
    query = sa.select(message.c.id, message.c.body).join(log, log.c.message_id == message.c.id)
    row = tx.execute(query.where(log.c.id == log_id)).one_or_none()
    return None if row is None else (row.id, row.body)
