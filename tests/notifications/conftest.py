"""Houses that deliver to this machine and do not try again by themselves; receivers and mail servers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane
from tests.support.mail import MailServer
from tests.support.receiver import Receiver, answer
from tests.support.serving import Answer
from tests.support.stores import STORES

PATH = "/waypost/v1/environments/{}/notifications"


class Watch:
    """One environment's notifications in a house, set up and looked at as an engineer would."""

    def __init__(self, house: House, environment: str = "Development") -> None:
        self.house = house
        self.path = PATH.format(house.environments[environment])

    def put(self, body: Any, **more: Any) -> Answer:
        return self.house.call("PUT", self.path, body, **more)

    def set_up(self, **body: Any) -> dict[str, Any]:
        answered = self.put(body)
        assert answered.status == 200, answered.body
        found: dict[str, Any] = answered.payload["notifications"]
        return found

    def get(self, **more: Any) -> Answer:
        return self.house.call("GET", self.path, **more)

    def test(self) -> dict[str, Any]:
        answered = self.house.call("POST", f"{self.path}/test")
        assert answered.status == 200, answered.body
        found: dict[str, Any] = answered.payload["test"]
        return found

    def notices(self, kind: str = "", about: str = "") -> list[dict[str, Any]]:
        """The notices of that kind about that queue or destination, oldest first."""
        path = self.path.replace("/notifications", "/notices?_count=500")
        found = reversed(self.house.call("GET", path).payload["notices"])
        return [each for each in found if kind in each["type"] and about in str(each["data"])]

    def look(self) -> None:
        """Have the house look at its queues now."""
        self.house.run(self.house.waypost.configuration.notifier.look())

    def later(self, seconds: float) -> None:
        """Move the clock and look."""
        self.house.clock.ahead_ms += round(seconds * 1000)
        self.look()


@pytest.fixture(scope="module", params=STORES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """On each store: a house for a module's tests."""
    place = tmp_path_factory.mktemp("notifications")
    with House(place, on=request.param, allowed_networks=LOOPBACK, retry_schedule=(36000,)) as made:
        yield made


@pytest.fixture
def watch(house: House) -> Iterator[Watch]:
    made = Watch(house)
    yield made
    made.set_up()
    made.look()  # what a test left behind ends here, and is told to nobody


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """Where a webhook's notices arrive."""
    with Receiver() as made:
        yield made


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as made:
        yield made


@pytest.fixture
def ward() -> Iterator[Receiver]:
    """A destination that refuses everything, until it is told otherwise."""
    with Receiver(answer(503)) as made:
        yield made


@pytest.fixture
def lane(house: House, ward: Receiver) -> Iterator[Lane]:
    with Lane(house, endpoint=ward.url, name="Ward 7") as made:
        yield made


def smtp_of(server: MailServer, **more: Any) -> dict[str, Any]:
    """A mail server without login as the API takes it."""
    return {
        "host": "127.0.0.1", "port": server.port, "security": "none",
        "from": "waypost@clinic.test", "to": ["night@clinic.test"],
    } | more  # fmt: skip
