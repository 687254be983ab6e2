"""What the tests of this folder hear of the store."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that goes to the store."""
    found: list[str] = []

    def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
        found.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", heard)
    yield found
    sa.event.remove(sa.Engine, "before_cursor_execute", heard)
