"""Many queues at once, by rows: to make them over HTTP would take too long."""

import sqlalchemy as sa

from waypost.db.database import Tx

_MANY = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
_ID = "'crowd-' || i || substr(queue_id, 19, 18)"


def crowd(tx: Tx, queue_id: str, count: int) -> None:
    """So many more queues like this one, each with the queue's first message waiting and long due."""
    for statement in (
        "INSERT INTO queue_head (queue_id, environment_id, subscription_id, destination_id, shard, cursor, state,"
        " due_at) {many} SELECT {id}, environment_id, subscription_id, destination_id, shard,"
        " 0, 'ready', 1 FROM n CROSS JOIN queue_head WHERE queue_id = :id",
        "INSERT INTO queue_tail (queue_id, destination_id, last_seq, accepted)"
        " {many} SELECT {id}, destination_id, 1, 1 FROM n CROSS JOIN queue_tail WHERE queue_id = :id",
        "INSERT INTO entry (queue_id, seq, log_id)"
        " {many} SELECT {id}, 1, log_id FROM n CROSS JOIN entry WHERE queue_id = :id AND seq = 1",
    ):
        tx.execute(sa.text(statement.format(many=_MANY, id=_ID)), {"id": queue_id, "count": count})


def send_crowd_again(tx: Tx) -> None:
    """Have the message of every such queue wait once more."""
    tx.exec_driver_sql(
        "UPDATE queue_head SET cursor = 0, state = 'ready', due_at = 1 WHERE queue_id LIKE 'crowd-%'"
    )


def is_crowd_idle(tx: Tx) -> bool:
    """Whether every such queue has sent what it had."""
    busy = "SELECT count(*) FROM queue_head WHERE queue_id LIKE 'crowd-%' AND state <> 'idle'"
    return not tx.exec_driver_sql(busy).scalar()


def remove_crowd(tx: Tx) -> None:
    """Nothing more is sent from such queues."""
    for table in ("queue_head", "queue_tail", "entry"):
        tx.exec_driver_sql(f"DELETE FROM {table} WHERE queue_id LIKE 'crowd-%'")
