"""Used databases made as new: emptied where that gives what a copy of the template would be, refused where not.

Copying the template and taking the copy away costs PostgreSQL a third of a second of work for each test, most
of it in making and removing some 400 files. Emptying takes a twentieth of that.
"""

from dataclasses import dataclass

import asyncpg

# Who is still connected goes, and is waited for: nothing of the last test may happen in the next one.
_ALONE = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# A copy has the numbers of the template's objects: whatever was made, removed or changed since shows here.
_SHAPE = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT concat('class', oid, relname, relnamespace, reloptions) AS line FROM pg_class WHERE oid >= 16384
    UNION ALL SELECT concat('column', attrelid, attnum, attname, atttypid, atttypmod, attnotnull, atthasdef,
                            attisdropped, attoptions) FROM pg_attribute WHERE attrelid >= 16384
    UNION ALL SELECT concat('default', oid, adbin) FROM pg_attrdef
    UNION ALL SELECT concat('constraint', oid, conname, convalidated) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT concat('trigger', oid, tgname, tgenabled) FROM pg_trigger
    UNION ALL SELECT concat('function', oid, proname) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat('type', oid, typname) FROM pg_type WHERE oid >= 16384
    UNION ALL SELECT concat('extension', oid, extname) FROM pg_extension
    UNION ALL SELECT concat('schema', oid, nspname) FROM pg_namespace WHERE oid >= 16384
    UNION ALL SELECT concat('setting', setrole, setconfig) FROM pg_db_role_setting
              WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS lines
"""
_TABLES = """
SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Fresh:
    """What a new database is: its shape, and its tables with the rows that migrations put there, as JSON."""

    shape: str
    rows: dict[str, str | None]

    @classmethod
    async def of(cls, url: str) -> "Fresh":
        """As it stands in a copy of the template that nobody has used."""
        connection = await asyncpg.connect(url)
        try:
            shape = await connection.fetchval(_SHAPE)
            assert not await connection.fetchval("SELECT count(*) FROM pg_sequences"), (
                "a DELETE resets no sequence"
            )
            rows = {}
            for [table] in await connection.fetch(_TABLES):
                rows[table] = await connection.fetchval(f"SELECT json_agg(to_json(one))::text FROM {table} AS one")
            return cls(shape, rows)
        finally:
            await connection.close()

    async def restore(self, url: str) -> bool:
        """Make a used database as new; False when more than its rows was changed."""
        connection = await asyncpg.connect(url, command_timeout=30)
        try:
            await connection.execute(_ALONE)
            if await connection.fetchval(_SHAPE) != self.shape:
                return False
            await connection.execute(self._emptying)
            return True
        finally:
            await connection.close()

    @property
    def _emptying(self) -> str:
        """Deletes every row, in any order as no foreign key is checked, and puts the first ones back.

        A DELETE where a TRUNCATE would make some forty files anew.
        """
        statements = ["BEGIN", "SET LOCAL session_replication_role = replica"]
        for table, rows in self.rows.items():
            statements.append(f"DELETE FROM {table}")
            if rows is not None:
                shown = rows.replace("'", "''")
                filled = f"json_populate_recordset(NULL::{table}, '{shown}'::json)"
                statements.append(f"INSERT INTO {table} SELECT * FROM {filled}")
        return ";".join([*statements, "COMMIT"])
