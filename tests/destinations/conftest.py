"""Two houses for every test of destinations: one may call loopback, a strict one delivers nothing."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver, Reply, Request, answer


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Loopback is allowed, so that destinations can be on this machine."""
    with House(tmp_path_factory.mktemp("house"), allowed_networks=LOOPBACK) as made:
        yield made


@pytest.fixture(scope="package")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """No network is allowed but the open internet, and nothing is delivered."""
    with House(tmp_path_factory.mktemp("strict"), deliver=False) as made:
        yield made


def echo(request: Request) -> Reply:
    """What a well-behaved endpoint does with a challenge."""
    sent = request.json if request.method == "POST" else dict(parse_qsl(urlsplit(request.target).query))
    return answer(200, {"challenge": sent["challenge"]})


@pytest.fixture
def verified(house: House, receiver: Receiver) -> dict[str, Any]:
    """A verified destination at the receiver, with the token `t0ken`."""
    receiver.behave(echo)
    made = house.destination(endpoint=receiver.url, verificationToken="t0ken")
    assert house.call("POST", f"/platform/v1/destinations/{made['id']}/verify").status == 200
    return made
