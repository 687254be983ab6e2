"""What every store can do, and the one metadata that all tables belong to.

`fn` is synchronous, takes the open transaction, and may be run again: it must change nothing but rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import sqlalchemy as sa

Tx = sa.Connection
T = TypeVar("T")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


writer_turn = sa.Table(
    "writer_turn",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""One row whose lock makes the writes of many nodes take turns; its number moves with each. Unused on SQLite."""


def plan_for_values(tx: Tx) -> None:
    """Have this transaction's statements planned for the values that they are given.

    For what is asked now and then over many rows: PostgreSQL keeps one plan for each statement here, whatever its
    values, which is best for the hot ones; a page may take twice as long by it. Means nothing on SQLite.
    """
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")


@dataclass(frozen=True, slots=True)
class Beside:
    """A write that needs no turn: all that must stand still for it are these rows, by table and primary key.

    They are locked before any function of the commit runs, by everybody in the order of table and key, so
    that no two commits wait for each other in a circle. Writes of one `lane` share commits; `in_order`, they run
    in the order in which they were given. `size` is how many messages a write is about, which bounds a commit.
    """

    lane: str
    rows: tuple[tuple[str, str | int], ...] = ()
    in_order: bool = False
    size: int = 1


class Database(Protocol):
    """A store. Raises `errors.Unavailable` when it is away."""

    @property
    def shared(self) -> bool:
        """Whether other nodes may use it at the same time."""
        ...

    async def write(self, fn: Callable[[Tx], T], *, beside: Beside | None = None) -> T:
        """Run `fn` in a transaction of its own and return once it is durable; an exception undoes it alone.

        It runs as if it were the only writer; with `beside`, other writers may be at work.
        """
        ...

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` on one consistent snapshot; it cannot change anything."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let the store go. Safe to call twice."""
        ...
