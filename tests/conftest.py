"""The fixtures that most tests share."""

import gc
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from tests.support import sharing, stores
from tests.support.house import House
from tests.support.receiver import Receiver
from tests.support.stores import Store
from waypost import tables
from waypost.clock import Clock
from waypost.db.database import Database
from waypost.vault import keyring
from waypost.vault.vault import Vault

assert tables  # every table is known once it is imported


LONG = {"bench", "crash", "demo", "docs", "journeys", "nodes", "replays", "samples", "torture", "upkeep"}
"""Folders with tests that take many seconds each: at the end of a run the other workers would wait for them."""


def pytest_configure() -> None:
    """Trust no authority that the system does: to read their certificates takes an application 0.1 s.

    What tests call is on this machine, with certificates of their own, or without any. Collecting makes hardly any
    garbage, and is not looked through for some. As in a server, lines below INFO are not written.
    """
    gc.disable()
    os.environ["SSL_CERT_FILE"] = os.devnull
    sharing.share_compiled()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take long."""
    items.sort(key=lambda item: LONG.isdisjoint(item.path.parts))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what collecting made, which lives as long as the process, and look less often.

    Most of what a test makes is an application, which is garbage only once the test is over.
    """
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


class SetClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int = 1_766_000_000_000) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=stores.STORES)
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A real, empty store with every table; whoever asks for it runs on both stores."""
    async with stores.opened(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def vault(db: Database, clock: SetClock, tmp_path: Path) -> Vault:
    return Vault(db, keyring.create(tmp_path / "sealing.key"), clock)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint that says 200, and does otherwise when it is told to."""
    with Receiver() as made:
        yield made


@pytest.fixture
def route(house: House, receiver: Receiver) -> dict[str, Any]:
    """A subscription of the house's Development environment that leads to the receiver."""
    return house.subscription(house.source(), house.destination(endpoint=receiver.url))


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that goes to the store."""
    found: list[str] = []

    def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
        found.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", heard)
    yield found
    sa.event.remove(sa.Engine, "before_cursor_execute", heard)
