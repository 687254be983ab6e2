"""Lists of destinations and subscriptions are read in the order of an index; failed attempts need none any more"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_attempt_failed", table_name="attempt")
    op.create_index("ix_destination_environment_id_name_id", "destination", ["environment_id", "name", "id"])
    op.drop_index("ix_subscription_environment_id", table_name="subscription")
    op.create_index(
        "ix_subscription_environment_id_created_at_id", "subscription", ["environment_id", "created_at", "id"]
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
