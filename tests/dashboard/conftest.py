"""A house for the tests of a file, and one of its own for those that count what is in it.

`quiet` delivers nothing, `lively` does; both are shared by the tests of a file.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import LOOPBACK, House


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), deliver=False, allowed_networks=LOOPBACK) as house:
        yield house


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), allowed_networks=LOOPBACK) as house:
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path, allowed_networks=LOOPBACK) as house:
        yield house
