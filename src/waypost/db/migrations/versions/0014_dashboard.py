"""What the dashboard reads: the ledger's counters minute by minute, and failed attempts without a search"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0010"
branch_labels = None
depends_on = None

_FAILED = sa.text("outcome = 'failed'")


def upgrade() -> None:
    op.create_table(
        "ledger_minute",
        sa.Column("environment_id", sa.String(length=36), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "minute", name=op.f("pk_ledger_minute")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attempt_failed", "attempt", ["started_at"], sqlite_where=_FAILED, postgresql_where=_FAILED)


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
