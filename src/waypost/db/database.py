"""What every store can do, and the one metadata that all tables belong to.

`fn` is synchronous, takes the open transaction, and may be run again: it must change nothing but rows.
"""

from collections.abc import Callable
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


class Database(Protocol):
    """A store. Raises `errors.Unavailable` when it is away."""

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in a transaction of its own and return once it is durable; an exception undoes it alone."""
        ...

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` on one consistent snapshot; it cannot change anything."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let the store go. Safe to call twice."""
        ...
