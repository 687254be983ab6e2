"""A house that delivers to a receiver on this machine and does not try again for an hour."""

from collections.abc import Iterator

import pytest

from tests.support.house import LOOPBACK, House


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("replays"), allowed_networks=LOOPBACK, retry_schedule=(3600,)) as made:
        yield made
