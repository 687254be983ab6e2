"""A whole Waypost on a folder of its own, in which messages were delivered and others wait."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import postgresql, stores, tenants
from tests.support.receiver import Receiver, answer
from tests.support.waypost import message
from waypost.access import operator
from waypost.app import Waypost, opened
from waypost.audit import store as audit
from waypost.db.database import Tx
from waypost.db.migrations import migrate
from waypost.folder import DATABASE, SEALING_KEY
from waypost.settings import Settings, load
from waypost.upkeep import checking
from waypost.vault import keyring

CALLER = operator("test")
DELIVERED, WAITING = 3, 2
TOKEN = "the-verification-token"
SECRET = "the-client-secret"
FAMILY_NAME = "Quillfeather"


@dataclass(frozen=True)
class Made:
    """A folder with data in it."""

    folder: Path
    tenant: tenants.Tenant
    url: str | None = None


@dataclass(frozen=True)
class Store:
    """An opened Waypost with what was made in it."""

    waypost: Waypost
    folder: Path
    tenant: tenants.Tenant
    url: str | None = None

    @property
    def key_file(self) -> Path:
        return self.folder / SEALING_KEY

    async def change(self, *statements: str) -> None:
        """Damage it: SQL on the store, past all our code."""
        for statement in statements:
            await self.waypost.ground.db.write(partial(_run, statement))

    async def accept_another(self) -> None:
        """One more message like the others."""
        opened_body = await self.waypost.ground.db.read(self._newest_body)
        await self.waypost.engine.intake.accept(self.tenant.development, opened_body)

    def _newest_body(self, tx: Tx) -> bytes:
        row = tx.exec_driver_sql("SELECT id, body FROM message ORDER BY id DESC LIMIT 1").one()
        return self.waypost.ground.vault.open(tx, row.body, table="message", row=row.id)

    async def value(self, statement: str) -> Any:
        return await self.waypost.ground.db.read(lambda tx: tx.exec_driver_sql(statement).scalar())

    async def events(self) -> list[tuple[str, str]]:
        """Type and route of each audit event of the organization, oldest first."""
        rows = await self.waypost.ground.db.read(
            lambda tx: audit.page(tx, self.tenant.id, audit.EventQuery(), offset=0, count=1000)
        )
        return [(row["type"], row["route"]) for row in reversed(rows)]


def _run(statement: str, tx: Tx) -> None:
    tx.exec_driver_sql(statement)


def settings(folder: Path, url: str | None = None, **more: Any) -> Settings:
    own = {} if url is None else {"database_url": url, "master_key_file": folder / SEALING_KEY}
    return load(data=folder, allowed_networks=("127.0.0.0/8",), **(own | more))


async def checked(waypost: Waypost) -> dict[str, Any]:
    """What a check finds, without an event of it."""
    return await checking.run(waypost.ground.db, waypost.ground.clock, waypost.ground.settings.key_file)


def damage(file: Path, at: int, data: bytes) -> None:
    """Write over a place in a file."""
    with file.open("r+b") as opened_file:
        opened_file.seek(at)
        opened_file.write(data)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WAYPOST_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="package")
def template(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three messages delivered, two behind a receiver that fails; a credential, a token, a kept answer."""
    folder = _folder(tmp_path_factory)
    migrate.upgrade(folder / DATABASE)
    return asyncio.run(_filled(folder))


@pytest.fixture(scope="package")
def shared_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The same on PostgreSQL."""
    server = postgresql.shared()
    url = asyncio.run(server.database())
    yield asyncio.run(_filled(_folder(tmp_path_factory), url))
    asyncio.run(server.drop(url))


@pytest.fixture
async def embedded(template: Made, tmp_path: Path) -> AsyncIterator[Store]:
    """A copy of the template, opened."""
    folder = tmp_path / "data"
    shutil.copytree(template.folder, folder)
    async with opened(settings(folder), clock=SetClock()) as waypost:
        yield Store(waypost, folder, template.tenant)


@pytest.fixture
async def shared(shared_template: Made, tmp_path: Path) -> AsyncIterator[Store]:
    """A copy of the template on PostgreSQL, opened."""
    folder, server = tmp_path / "data", postgresql.shared()
    shutil.copytree(shared_template.folder, folder)
    assert shared_template.url is not None
    url = await server.database(like=shared_template.url)
    async with opened(settings(folder, url), clock=SetClock()) as waypost:
        yield Store(waypost, folder, shared_template.tenant, url)
    await server.drop(url)


@pytest.fixture(params=stores.STORES)
def store(request: pytest.FixtureRequest) -> Store:
    """Both, one after the other."""
    found = request.getfixturevalue("embedded" if request.param == "sqlite" else "shared")
    assert isinstance(found, Store)
    return found


@pytest.fixture
async def empty_url() -> AsyncIterator[str]:
    """A database without any table."""
    server = postgresql.shared()
    url = await server.database(empty=True)
    yield url
    await server.drop(url)


def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "data"
    folder.mkdir(mode=0o700)
    keyring.create(folder / SEALING_KEY)
    return folder


async def _filled(folder: Path, url: str | None = None) -> Made:
    with Receiver(*[answer()] * DELIVERED, answer(500, b"a kept answer")) as receiver:
        once = settings(folder, url, retry_schedule=(3600,))  # one answer is kept, however soon the worker stops
        async with opened(once, clock=SetClock(), new=True) as waypost:
            tenant = await _made(waypost, receiver.url)
            await waypost.engine.worker.start()
            await receiver.arrived(DELIVERED + 1)
            await waypost.engine.worker.stop()
    return Made(folder, tenant, url)


async def _made(waypost: Waypost, url: str) -> tenants.Tenant:
    tenant = await tenants.found(waypost.ground.db, waypost.ground.clock)
    environment = tenant.development
    source = await waypost.configuration.sources.create(CALLER, environment, {"name": "A source"})
    await waypost.configuration.credentials.create(
        CALLER,
        {
            "name": "A credential", "environmentId": environment, "grantType": "client_credentials",
            "url": "https://tokens.example.org/", "clientId": "client", "clientSecret": SECRET,
        },
    )  # fmt: skip
    destination = await waypost.configuration.destinations.create(
        CALLER, environment, {"name": "A destination", "endpoint": url, "verificationToken": TOKEN}
    )
    ends = {"source": {"id": source.id}, "destination": {"id": destination.id}}
    await waypost.configuration.subscriptions.create(CALLER, environment, {**ends, "dataModel": "PatientAdmin"})
    for number in range(DELIVERED + WAITING):
        sent = message({"id": destination.id}, {"id": source.id}, number)
        sent["Patient"]["Demographics"] = {"LastName": FAMILY_NAME}
        await waypost.engine.intake.accept(environment, json.dumps(sent).encode())
    return tenant


@pytest.fixture
def found_in() -> Callable[[dict[str, Any], str], list[str]]:
    """The findings of a check in one area."""
    return lambda report, area: [one["detail"] for one in report["findings"] if one["area"] == area]
