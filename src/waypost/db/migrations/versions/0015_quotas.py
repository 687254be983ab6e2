"""What an operator lets one environment take"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "environment_quota",
        sa.Column("environment_id", sa.String(length=36), nullable=False),
        sa.Column("messages_per_second", sa.BigInteger(), nullable=True),
        sa.Column("pending_logs", sa.BigInteger(), nullable=True),
        sa.Column("destinations", sa.BigInteger(), nullable=True),
        sa.Column("subscriptions", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("fk_environment_quota_environment_id_environment")
        ),
        sa.PrimaryKeyConstraint("environment_id", name=op.f("pk_environment_quota")),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
