"""The floor under batches: the rows of sealed messages, written by nothing but inserts of many rows."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.logs.store import log
from waypost.queues.model import Accept
from waypost.queues.store import entry, message

FIRST_SEQ = 1_000_000_000
"""Beyond all that is accepted meanwhile: these rows are in no queue's way."""


class Rows:
    """The rows of some messages, made before the clock runs; the first one is number `start` of all."""

    def __init__(self, given: Sequence[Accept], start: int) -> None:
        seqs = range(FIRST_SEQ + start, FIRST_SEQ + start + len(given))
        self._tables = [
            _Many(message, [_message(each) for each in given]),
            _Many(log, [_log(each, seq) for each, seq in zip(given, seqs, strict=True)]),
            _Many(entry, [_entry(each, seq) for each, seq in zip(given, seqs, strict=True)]),
        ]

    def insert(self, tx: Tx) -> None:
        """Write them, on the driver's own way for many rows."""
        for table in self._tables:
            tx.exec_driver_sql(table.sql(tx.dialect), table.rows)


class _Many:
    """Rows of one table as the driver takes them: tuples in the order of the table's columns."""

    def __init__(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        self._table = table
        self._columns = [column.name for column in table.c if column.name in rows[0]]
        self.rows = [tuple(row[name] for name in self._columns) for row in rows]

    def sql(self, dialect: sa.Dialect) -> str:
        return str(self._table.insert().compile(dialect=dialect, column_keys=self._columns))


def _message(given: Accept) -> dict[str, Any]:
    return {
        "id": given.message_id,
        "environment_id": given.environment_id,
        "source_id": given.source_id,
        "body": given.body,
        "meta_start": given.meta_start,
        "meta_end": given.meta_end,
        "accepted_at": given.now_ms,
    }


def _log(given: Accept, seq: int) -> dict[str, Any]:
    (addressee,) = given.addressees
    return {
        "id": addressee.log_id,
        "environment_id": given.environment_id,
        "message_id": given.message_id,
        "source_id": given.source_id,
        "destination_id": addressee.destination_id,
        "subscription_id": addressee.subscription_id,
        "seq": seq,
        "state": "pending",
        "data_model": given.data_model,
        "event_type": given.event_type,
        "facility_code": given.facility_code,
        "attempts": 0,
        "accepted_at": given.now_ms,
        "updated_at": given.now_ms,
    }


def _entry(given: Accept, seq: int) -> dict[str, Any]:
    (addressee,) = given.addressees
    return {"queue_id": addressee.queue_id, "seq": seq, "log_id": addressee.log_id}
