"""Signing keys of destinations, egress lists of environments, and sources that are there for trying out"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("destination", sa.Column("signing", sa.LargeBinary(), nullable=True))
    op.add_column("environment", sa.Column("egress", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("is_test", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
