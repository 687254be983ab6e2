"""The whole application on a data folder of its own, served in a thread: real people, real tokens, real HTTP.

    with House(tmp_path, allowed_networks="127.0.0.0/8") as house:
        made = house.destination(endpoint=receiver.url)           # in Development, by the engineer
        house.call("PATCH", f"/platform/v1/destinations/{made['id']}", {"name": "Ward"}, by="viewer")
        house.events(made["id"])                                  # audit events, oldest first
        house.commits                                             # how many transactions were committed so far

`PEOPLE` in `callers.py` says who can call. `house.clock` can be moved. `House(…, keep=…)` opens a folder that is
there already.
"""

import asyncio
import atexit
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tests.support import postgresql, tenants
from tests.support.callers import PEOPLE, Callers, Household, key_set
from tests.support.serving import Server
from tests.support.sharing import forget_applications
from tests.support.tenants import Tenant
from waypost import app
from waypost.access import operator
from waypost.apikeys import store as apikeys
from waypost.apikeys.model import ApiKey
from waypost.audit import store as audit
from waypost.cli.serving import server
from waypost.db.database import Tx
from waypost.db.migrations import migrate
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.db.sqlite import SqliteDatabase
from waypost.environments.store import Flag
from waypost.folder import DATABASE, SEALING_KEY
from waypost.ids import new_id
from waypost.settings import load
from waypost.users.model import NewUser, PublicKeys
from waypost.vault import keyring

T = TypeVar("T")

LOOPBACK = "127.0.0.0/8,::1/128"
START_SECONDS = 60


class House(Callers, AbstractContextManager["House"]):
    """See the top of the file. `deliver=False` leaves the worker asleep, so that nothing commits but requests.

    `on` says on which store. Other keywords are settings, under their own names.
    """

    def __init__(
        self,
        folder: Path,
        *,
        deliver: bool = True,
        keep: Household | None = None,
        on: str = "sqlite",
        **settings: Any,
    ) -> None:
        super().__init__(keep)
        self.folder = folder
        self.waypost: app.Waypost
        self._url = asyncio.run(postgresql.shared().database()) if on == "postgresql" else None
        if self._url is not None:
            settings |= {"database_url": self._url, "master_key_file": folder / SEALING_KEY}
        self._settings = load(data=folder, **settings)
        self._deliver = deliver
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def __enter__(self) -> "House":
        if self._made is None and self._url is not None:
            keyring.create(self.folder / SEALING_KEY)
        elif self._made is None:
            self._made = furnished(self.folder)
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failed is not None:
            raise RuntimeError("the application did not start") from self._failed
        self._made = self._made or self.run(self._move_in())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        forget_applications()
        if self._url is not None:
            asyncio.run(postgresql.shared().drop(self._url))

    @property
    def commits(self) -> int:
        assert isinstance(self.waypost.ground.db, SqliteDatabase | PostgresqlDatabase)
        return self.waypost.ground.db.commits

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives, done in the application's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self.run(self.waypost.ground.db.read(fn))

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self.run(self.waypost.ground.db.write(fn))

    def events(self, about: str | None = None, *, tenant: Tenant | None = None) -> list[dict[str, Any]]:
        """The organization's audit events, oldest first, `details` decoded; only those with that id in them."""
        number = (tenant or self.household.clinic).id
        rows = self.read(lambda tx: audit.page(tx, number, audit.EventQuery(), offset=0, count=100_000))
        events = [{**row, "details": json.loads(row["details"])} for row in reversed(rows)]
        return [event for event in events if about in (None, event["details"].get("id"))]

    async def _live(self) -> None:
        """Open, serve until told to stop, and close; the thread's whole work."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with app.opened(self._settings, clock=self.clock, new=True) as self.waypost:
                await self._serve()
        except BaseException as error:
            self._failed = error
            self._ready.set()
            raise

    async def _serve(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.waypost.ground.whereabouts.bound("127.0.0.1", self.port, tls=False)
        if self._deliver:
            await self.waypost.engine.worker.start()
            await self.waypost.engine.skipping.start()
            await self.waypost.engine.replaying.start()
            await self.waypost.configuration.notifier.start()
        running = Server(server.config(self.waypost.faces.http))
        serving = asyncio.create_task(running.serve(sockets=[listener]))
        self._ready.set()
        await self._stop.wait()
        self.waypost.faces.live.stop()
        running.end()
        await serving
        await self.waypost.engine.worker.stop(within_seconds=0)

    async def _move_in(self) -> Household:
        """Two organizations, everybody, and an API key for sources of the first one's Development."""
        waypost = self.waypost
        clinic = await tenants.found(waypost.ground.db, self.clock)
        made = Household(clinic, await tenants.found(waypost.ground.db, self.clock, "Laboratory"))
        for name, person in PEOPLE.items():
            tenant = made.elsewhere if person.elsewhere else clinic
            held = person.environments if person.role else ()
            new = NewUser(
                f"{name.replace(' ', '.')}@clinic.test",
                tenant.id,
                PublicKeys(jwk_set=key_set(name)),
                organization_role=person.organization_role,
                environment_roles={tenant.environments[each]: person.role for each in held if person.role},
            )
            added = await waypost.people.users.add(operator("users add"), new)
            made.clients[name] = added.key.client_id
        source = ApiKey(new_id(), clinic.development, Flag.development, "Feed", None, key_set("source"))
        await waypost.ground.db.write(lambda tx: apikeys.insert(tx, source, self.clock.now_ms()))
        made.clients["source"] = source.id
        return made


def furnished(folder: Path) -> Household:
    """Fill the folder with the files of a house that everybody has just moved into."""
    template, household = _template()
    for name in (SEALING_KEY, DATABASE):
        shutil.copy2(template / name, folder / name)
    return deepcopy(household)


@cache
def _template() -> tuple[Path, Household]:
    """The files of such a house, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="waypost-house-"))
    atexit.register(shutil.rmtree, folder)
    keyring.create(folder / SEALING_KEY)
    migrate.upgrade(folder / DATABASE)
    with House(folder, keep=Household.nobody(), deliver=False) as house:
        return folder, house.run(house._move_in())
