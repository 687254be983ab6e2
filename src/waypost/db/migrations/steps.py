"""Alembic, as `migrate.py` uses it: imported when a store has steps before it, which is seldom."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

__all__ = ["CommandError", "run"]

MIGRATIONS = Path(__file__).parent


def run(connection: sa.Connection, revision: str) -> None:
    """Take every step up to a revision in the open transaction. Raises CommandError."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
