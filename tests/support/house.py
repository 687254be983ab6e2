"""The whole application on a data folder of its own, served in a thread: real people, real tokens, real HTTP.

    with House(tmp_path, allowed_networks="127.0.0.0/8") as house:
        made = house.destination(endpoint=receiver.url)           # in Development, by the engineer
        house.call("PATCH", f"/platform/v1/destinations/{made['id']}", {"name": "Ward"}, by="viewer")
        house.events(made["id"])                                  # audit events, oldest first
        house.commits                                             # how many transactions were committed so far

`PEOPLE` says who can call. `house.clock` can be moved. `House(…, keep=…)` opens a folder that is there already.
"""

import asyncio
import atexit
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from tests.support import keys, postgresql, tenants
from tests.support.serving import Answer, Client, Server
from tests.support.tenants import Tenant
from waypost import app
from waypost.access import EnvironmentRole, OrganizationRole, operator
from waypost.apikeys import store as apikeys
from waypost.apikeys.model import ApiKey
from waypost.audit import store as audit
from waypost.cli import server
from waypost.clock import Clock
from waypost.db import migrate
from waypost.db.database import Tx
from waypost.db.postgresql import PostgresqlDatabase
from waypost.db.sqlite import SqliteDatabase
from waypost.environments.store import Flag
from waypost.folder import DATABASE, SEALING_KEY
from waypost.ids import new_id
from waypost.settings import load
from waypost.tokens import assertion
from waypost.users.model import NewUser, PublicKeys
from waypost.vault import keyring

T = TypeVar("T")

LOOPBACK = "127.0.0.0/8,::1/128"
EVERYWHERE = ("Development", "Staging", "Production")
START_SECONDS = 60
TOKEN_LIFE_SECONDS = 200


class MovedClock(Clock):
    """The machine's clock, and so many milliseconds."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


@dataclass(frozen=True)
class Person:
    """What somebody is; environments by their names."""

    role: EnvironmentRole | None = None
    environments: tuple[str, ...] = EVERYWHERE
    organization_role: OrganizationRole = OrganizationRole.member
    elsewhere: bool = False


PEOPLE = {
    "engineer": Person(EnvironmentRole.engineer),
    "support": Person(EnvironmentRole.support),
    "viewer": Person(EnvironmentRole.viewer),
    "owner": Person(EnvironmentRole.engineer, organization_role=OrganizationRole.owner),
    "admin without a role": Person(organization_role=OrganizationRole.admin),
    "engineer of Development": Person(EnvironmentRole.engineer, ("Development",)),
    "outsider": Person(EnvironmentRole.engineer, organization_role=OrganizationRole.owner, elsewhere=True),
}


@dataclass
class Household:
    """What the people of a folder are known by; it outlives the application."""

    clinic: Tenant
    elsewhere: Tenant
    clients: dict[str, str] = field(default_factory=dict)

    @classmethod
    def nobody(cls) -> "Household":
        """Of a house that nobody has moved into."""
        return cls(Tenant(0, "", {}), Tenant(0, "", {}))


class House(AbstractContextManager["House"]):
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
        self.folder = folder
        self.clock = MovedClock()
        self.waypost: app.Waypost
        self.port = 0
        self._url = asyncio.run(postgresql.shared().database()) if on == "postgresql" else None
        if self._url is not None:
            settings |= {"database_url": self._url, "master_key_file": folder / SEALING_KEY}
        self._settings = load(data=folder, **settings)
        self._deliver = deliver
        self._made = keep
        self._tokens: dict[str, tuple[float, str]] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def __enter__(self) -> "House":
        if self._made is None and self._url is not None:
            keyring.create(self.folder / SEALING_KEY)
        elif self._made is None:
            self._made = _furnished(self.folder)
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failed is not None:
            raise RuntimeError("the application did not start") from self._failed
        self._made = self._made or self.run(self._move_in())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        if self._url is not None:
            asyncio.run(postgresql.shared().drop(self._url))

    @property
    def household(self) -> Household:
        assert self._made is not None
        return self._made

    @property
    def environments(self) -> Mapping[str, str]:
        """Ids of the clinic's environments by their names."""
        return self.household.clinic.environments

    @property
    def commits(self) -> int:
        assert isinstance(self.waypost.db, SqliteDatabase | PostgresqlDatabase)
        return self.waypost.db.commits

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str | None = "engineer",
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call as one of PEOPLE, as the `source`, as nobody (None), or with that token."""
        bearer = self.token(by) if by is not None and token is None else token
        return Client(self.port)(method, path, body, token=bearer, headers=headers)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives, done in the application's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self.run(self.waypost.db.read(fn))

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self.run(self.waypost.db.write(fn))

    def token(self, who: str, *, fresh: bool = False) -> str:
        """An access token of one of PEOPLE, or of the Development `source`, by the real exchange.

        Taken by the house's clock, so that it holds wherever that was moved.
        """
        taken_at, token = self._tokens.get(who, (0.0, ""))
        now = self.clock.now_ms() / 1000
        if fresh or not token or not 0 <= now - taken_at <= TOKEN_LIFE_SECONDS:
            audience = f"http://127.0.0.1:{self.port}/v2/auth/token"
            times = {"iat": int(now), "exp": int(now) + assertion.LIFE_SECONDS}
            signed = assertion.assertion(keys.ec(who), self.household.clients[who], audience, **times)
            form = urlencode(assertion.form(signed)).encode()
            media_type = {"content-type": "application/x-www-form-urlencoded"}
            answer = Client(self.port)("POST", "/v2/auth/token", form, headers=media_type)
            assert answer.status == 200, answer.body
            token = str(answer.json["access_token"])
            self._tokens[who] = (now, token)
        return token

    def events(self, about: str | None = None, *, tenant: Tenant | None = None) -> list[dict[str, Any]]:
        """The organization's audit events, oldest first, `details` decoded; only those with that id in them."""
        number = (tenant or self.household.clinic).id
        rows = self.read(lambda tx: audit.page(tx, number, audit.Filter(), offset=0, count=100_000))
        events = [{**row, "details": json.loads(row["details"])} for row in reversed(rows)]
        return [event for event in events if about in (None, event["details"].get("id"))]

    def destination(
        self, environment: str = "Development", *, by: str = "engineer", **body: Any
    ) -> dict[str, Any]:
        """A new destination; nothing but a name unless more is said."""
        return self._create(environment, "destination", by, {"name": "Ward"} | body)

    def source(self, environment: str = "Development", *, by: str = "engineer", **body: Any) -> dict[str, Any]:
        """A new source."""
        return self._create(environment, "source", by, {"name": "Feed"} | body)

    def subscription(
        self, source: Mapping[str, Any], destination: Mapping[str, Any], environment: str = "Development"
    ) -> dict[str, Any]:
        """A new subscription to PatientAdmin."""
        ends = {"source": {"id": source["id"]}, "destination": {"id": destination["id"]}}
        return self._create(environment, "subscription", "engineer", ends | {"dataModel": "PatientAdmin"})

    def credential(self, environment: str = "Development", *, by: str = "engineer") -> str:
        """The id of a new auth credential."""
        tenant = self.household.elsewhere if by == "outsider" else self.household.clinic
        body = {
            "organization": tenant.id, "name": "Keys", "environmentId": tenant.environments[environment],
            "grantType": "client_credentials", "url": "https://login.example.com/token",
            "clientId": "a-client", "clientSecret": "a-client-secret",
        }  # fmt: skip
        answer = self.call("POST", "/platform/v1/authcredentials", body, by=by)
        assert answer.status == 201, answer.body
        return str(answer.payload["credential"]["id"])

    def message(self, source: Mapping[str, Any], destination: Mapping[str, Any]) -> str:
        """Send a message to the destination; its log id."""
        meta = {
            "DataModel": "PatientAdmin", "EventType": "NewPatient",
            "Source": {"ID": source["id"]}, "Destinations": [{"ID": destination["id"]}],
        }  # fmt: skip
        answer = self.call("POST", "/endpoint", {"Meta": meta, "Patient": {}}, by="source")
        assert answer.status == 200, answer.body
        return str(answer.json["Meta"]["Logs"][0]["ID"])

    def _create(self, environment: str, noun: str, by: str, body: dict[str, Any]) -> dict[str, Any]:
        tenant = self.household.elsewhere if by == "outsider" else self.household.clinic
        path = f"/platform/v1/environments/{tenant.environments[environment]}/{noun}s"
        answer = self.call("POST", path, body, by=by)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.payload[noun]
        return made

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
        self.waypost.bound("127.0.0.1", self.port, tls=False)
        if self._deliver:
            await self.waypost.worker.start()
            await self.waypost.skipping.start()
            await self.waypost.replaying.start()
            await self.waypost.notifier.start()
        running = Server(server.config(self.waypost.http))
        serving = asyncio.create_task(running.serve(sockets=[listener]))
        self._ready.set()
        await self._stop.wait()
        self.waypost.live.stop()
        running.end()
        await serving
        await self.waypost.worker.stop(within_seconds=0)

    async def _move_in(self) -> Household:
        """Two organizations, everybody, and an API key for sources of the first one's Development."""
        waypost = self.waypost
        clinic = await tenants.found(waypost.db, self.clock)
        made = Household(clinic, await tenants.found(waypost.db, self.clock, "Laboratory"))
        for name, person in PEOPLE.items():
            tenant = made.elsewhere if person.elsewhere else clinic
            held = person.environments if person.role else ()
            new = NewUser(
                f"{name.replace(' ', '.')}@clinic.test",
                tenant.id,
                PublicKeys(jwk_set=_key_set(name)),
                organization_role=person.organization_role,
                environment_roles={tenant.environments[each]: person.role for each in held if person.role},
            )
            added = await waypost.users.add(operator("users add"), new)
            made.clients[name] = added.key.client_id
        source = ApiKey(new_id(), clinic.development, Flag.development, "Feed", None, _key_set("source"))
        await waypost.db.write(lambda tx: apikeys.insert(tx, source, self.clock.now_ms()))
        made.clients["source"] = source.id
        return made


def _furnished(folder: Path) -> Household:
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


def _key_set(name: str) -> dict[str, Any]:
    return {"keys": [assertion.public_of(keys.ec(name))]}
