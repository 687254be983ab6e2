"""The whole application, for tests of what all of its HTTP shares."""

from collections.abc import Iterator

import pytest
from tests.support.house import House


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), deliver=False) as made:
        yield made
