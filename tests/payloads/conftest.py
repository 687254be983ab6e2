"""A house that delivers to a receiver on this machine, and a log in it that failed once."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import logs
from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver, answer


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("payloads"), allowed_networks=LOOPBACK, retry_schedule=(0, 3600)) as made:
        yield made


@pytest.fixture
def failed(house: House, receiver: Receiver, route: dict[str, Any]) -> str:
    """The id of a log whose two attempts were answered 503 and 422, with words."""
    receiver.behave(answer(503, b"busy \xff"), answer(422, {"error": "no bed 7"}))
    log_id = logs.send(house, route)
    receiver.wait(2)
    logs.until_attempts(house, log_id, 2)
    return log_id
