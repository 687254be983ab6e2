"""One folder that was set up, one server that runs on a copy of it, and copies for tests that change much."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.waypost import Server, founded

Copy = Callable[..., Server]


@pytest.fixture(scope="package")
def template() -> Server:
    """A folder as `waypost init` leaves it. Look at it, but do not change it."""
    return founded()


@pytest.fixture(scope="package")
def server(template: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that tests share; each makes nouns of its own."""
    with Server(tmp_path_factory.mktemp("server"), like=template) as running:
        yield running


@pytest.fixture
def copy(template: Server, tmp_path: Path) -> Iterator[Copy]:
    """Makes copies of the template; whatever still runs at the end is killed."""
    made: list[Server] = []

    def make(
        *args: str, settings: dict[str, str] | None = None, name: str = "copy", files: int | None = None
    ) -> Server:
        place = tmp_path / name
        place.mkdir()
        made.append(Server(place, *args, settings=settings, like=template, files=files))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()
