from pathlib import Path

import pytest
import sqlalchemy as sa

from waypost.db import migrate, sqlite


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
