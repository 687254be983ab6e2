"""Child queues: which queues a log is in, behind what a queue waits, logs counted in another queue; parking"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log", sa.Column("queues", sa.Text(), nullable=True))
    op.add_column("queue_tail", sa.Column("joined", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("queue_head", sa.Column("joined", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("queue_head", sa.Column("since", sa.BigInteger(), nullable=True))
    op.add_column("queue_head", sa.Column("refused", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_queue_head_child", "queue_head", ["state", "queue_id"], unique=False,
        sqlite_where=sa.text("since IS NOT NULL"), postgresql_where=sa.text("since IS NOT NULL"),
    )  # fmt: skip
    op.add_column("subscription", sa.Column("generation", sa.Integer(), server_default="0", nullable=False))
    op.add_column("subscription", sa.Column("since", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("subscription", sa.Column("child_key", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
