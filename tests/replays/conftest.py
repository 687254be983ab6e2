"""A house that delivers to a receiver on this machine and does not try again for an hour."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("replays"), allowed_networks=LOOPBACK, retry_schedule=(3600,)) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def route(house: House, receiver: Receiver) -> dict[str, Any]:
    return house.subscription(house.source(), house.destination(endpoint=receiver.url))
