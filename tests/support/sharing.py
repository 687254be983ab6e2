"""What libraries keep for an application or an engine, in a process that makes thousands of them.

share_compiled()        # once: statements are compiled once a process, not once a store
forget_applications()   # when an application ends: nothing of it stays behind
"""

from typing import Any

import sqlalchemy as sa
from fastapi.dependencies import models

MOST_STATEMENTS = 10_000


class _Compiled:
    """A cache of compiled statements for every engine of a kind; SQLAlchemy's own is one engine's.

    A test's store is new, and runs few statements twice: to compile them took a seventh of the time of the tests.
    """

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._found.get(self._shared(key))

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        if len(self._found) >= MOST_STATEMENTS:
            self._found.clear()
        self._found[self._shared(key)] = value

    @staticmethod
    def _shared(key: tuple[Any, ...]) -> tuple[Any, ...]:
        dialect, *statement = key
        return type(dialect), *statement


_compiled = _Compiled()


def share_compiled() -> None:
    """Have all engines that are made from now on share what they compile."""
    sa.event.listen(sa.Engine, "engine_connect", _use_shared)


def _use_shared(connection: sa.Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)


def forget_applications() -> None:
    """Empty FastAPI's caches of functions: they keep the last hundreds of applications, with their stores.

    That was a gigabyte in each process, and to look through it for garbage took a sixth of its time.
    """
    for cached in vars(models).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
