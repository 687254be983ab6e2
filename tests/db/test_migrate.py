import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from waypost.db import sqlite
from waypost.db.migrations import migrate, steps


def tables(path: Path) -> set[str]:
    engine = sqlite.engine(path)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    engine = sqlite.engine(path)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE subscription (in_the_way)")
    engine.dispose()

    with pytest.raises(sa.exc.OperationalError):
        migrate.upgrade(path)

    assert tables(path) == {"subscription"}


def test_bringing_a_store_up_to_date_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    migrate.upgrade(path)
    before = tables(path)

    migrate.upgrade(path)

    assert tables(path) == before
    assert "alembic_version" in before


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    migrate.upgrade(path)
    engine = sqlite.engine(path)
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()

    with pytest.raises(migrate.SchemaIsNewer, match="9999"):
        migrate.upgrade(path)


def test_a_store_that_is_up_to_date_does_not_load_alembic(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    migrate.upgrade(path)

    loaded = loaded_by(
        "from pathlib import Path; from waypost.db.migrations import migrate;"
        f" migrate.upgrade(Path({str(path)!r}))"
    )

    assert "sqlalchemy" in loaded
    assert "alembic" not in loaded


def test_the_steps_follow_each_other_in_the_order_of_their_names() -> None:
    found = ScriptDirectory(str(steps.MIGRATIONS)).walk_revisions()

    assert [step.revision for step in found][::-1] == migrate.revisions()


def loaded_by(code: str) -> set[str]:
    """The names of all packages that are loaded once the code has run in a process of its own."""
    asked = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    return {name.partition(".")[0] for name in said.split()}
