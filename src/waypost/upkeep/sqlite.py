"""A backup of the embedded store: a copy that SQLite itself makes while the store is in use."""

import os
import shutil
from contextlib import closing
from pathlib import Path

from waypost.db import sqlite
from waypost.folder import DATABASE
from waypost.upkeep.archive import CHUNK, Archive, Writer
from waypost.upkeep.model import Contents, Table


def copy_out(source: Path, writer: Writer, place: Path) -> Contents:
    """Put a compact copy into the archive, without the remains of deleted rows; `place` is for the copy itself.

    The store's writer is neither held up nor used.
    """
    snapshot = place / DATABASE
    snapshot.touch(0o600)
    with closing(sqlite.library().connect(f"file:{source.absolute()}?mode=ro", uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(snapshot),))
    with snapshot.open("rb") as copy:
        writer.add(DATABASE, copy)
    return _contents(snapshot)


def put_back(archive: Archive, file: Path) -> None:
    """Write the archive's SQLite file to a new place (0600), durably."""
    with (
        archive.open(DATABASE) as source,
        os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy,
    ):
        shutil.copyfileobj(source, copy, CHUNK)
        copy.flush()
        os.fsync(copy.fileno())


def _contents(file: Path) -> Contents:
    with closing(sqlite.library().connect(f"file:{file.absolute()}?mode=ro", uri=True)) as copy:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        tables = []
        for (name,) in copy.execute(names).fetchall():
            columns = [row[0] for row in copy.execute("SELECT name FROM pragma_table_info(?)", (name,))]
            rows = copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - its own name
            tables.append(Table(name, rows, columns))
        keys = {row[0] for row in copy.execute("SELECT DISTINCT kek_id FROM data_key")}
        schema = copy.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return Contents(schema, tables, keys)
