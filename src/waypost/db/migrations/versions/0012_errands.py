"""Errands: what a node asks of the one that owns a queue"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "errand",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.String(36), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
