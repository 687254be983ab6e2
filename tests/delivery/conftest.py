"""Two houses that deliver: a quick one that retries within moments, and a patient one that waits for an hour.

Each stands on both stores, and every test in it runs on both.
"""

from collections.abc import Iterator

import pytest

from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver
from tests.support.stores import STORES

QUICK = (0, 0.05, 0.1, 0.2)
AN_HOUR = (3600,)


@pytest.fixture(scope="package", params=STORES)
def quick(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """What failed is tried again within moments."""
    folder = tmp_path_factory.mktemp("quick")
    with House(folder, on=request.param, allowed_networks=LOOPBACK, retry_schedule=QUICK) as made:
        yield made


@pytest.fixture(scope="package", params=STORES)
def patient(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """What failed waits for an hour, unless something wakes it."""
    folder = tmp_path_factory.mktemp("patient")
    with House(folder, on=request.param, allowed_networks=LOOPBACK, retry_schedule=AN_HOUR) as made:
        yield made


@pytest.fixture
def other() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made
