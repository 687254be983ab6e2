"""Retention: what it has removed by end, where each audit chain begins, and vacuuming that keeps up with it"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Rows that change with every message: room for the new version on the same page, and a vacuum before they spread.
_HOT = ("queue_head", "queue_tail", "destination_seq", "writer_turn", "shard")
_HOT_OPTIONS = "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500"
# Rows that retention removes by the million: the default, a fifth of the table, would come too late to be flat.
_LARGE = ("message", "log", "entry", "attempt")
_LARGE_OPTIONS = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05"


def upgrade() -> None:
    op.create_table(
        "purged",
        sa.Column("subscription_id", sa.String(length=36), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("delivered", "filtered", "skipped", "parked", "replayed")
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_purged")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_anchor",
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_audit_anchor")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for tables, options in ((_HOT, _HOT_OPTIONS), (_LARGE, _LARGE_OPTIONS)):
            for table in tables:
                op.execute(f"ALTER TABLE {table} SET ({options})")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
