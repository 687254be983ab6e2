"""One house for the tests of the dashboard that change nothing in it, and one of its own for those that do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import LOOPBACK, House


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), deliver=False, allowed_networks=LOOPBACK) as house:
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path, allowed_networks=LOOPBACK) as house:
        yield house
