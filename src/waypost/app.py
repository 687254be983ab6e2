"""The one place that builds: settings in, everything that runs out. Plain calls, in order.

Stopping is the reverse of starting. Rooms do not know each other's builders; what one must tell another is
passed in here as a function.
"""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI

from waypost.apikeys import api as apikeys_api
from waypost.apikeys.service import ApiKeys
from waypost.audit import api as audit_api
from waypost.audit.refusals import Refusals
from waypost.clock import Clock
from waypost.credentials import api as credentials_api
from waypost.credentials.authorization import Authorizer
from waypost.credentials.sending import Sender
from waypost.credentials.service import Credentials
from waypost.credentials.sharing import Alone, Shared
from waypost.dashboard import application as dashboard
from waypost.dashboard.glance import Glances
from waypost.dashboard.guard import Resume
from waypost.dashboard.live import Live
from waypost.dashboard.services import Services
from waypost.db import hosts, migrate
from waypost.db.database import Database, Tx
from waypost.db.postgresql import PostgresqlDatabase
from waypost.db.sqlite import SqliteDatabase
from waypost.delivery.attempt import Deliverer
from waypost.delivery.due import DueClock
from waypost.delivery.model import Schedule
from waypost.delivery.ownership import Ownership
from waypost.delivery.runner import Runner
from waypost.delivery.worker import Worker
from waypost.destinations import api as destinations_api
from waypost.destinations import store as destination_rows
from waypost.destinations.probing import Prober
from waypost.destinations.service import Destinations, Pending
from waypost.destinations.signing import SigningSecrets
from waypost.destinations.verification import Verification
from waypost.disk import Disk
from waypost.egress.client import Client
from waypost.egress.policy import Policy
from waypost.environments import api as environments_api
from waypost.environments import store as environment_rows
from waypost.environments.service import EgressLists
from waypost.errors import Unavailable
from waypost.folder import Folder, FolderMissing
from waypost.ledger import api as ledger_api
from waypost.ledger.minutes import Minutes
from waypost.logs import api as logs_api
from waypost.logs import deliveries
from waypost.memory import Budget
from waypost.messages import api as messages_api
from waypost.messages.service import Intake
from waypost.metrics import Figures, Metrics
from waypost.notifications import api as notifications_api
from waypost.notifications import moves, outbox
from waypost.notifications.running import Notifier
from waypost.notifications.sending import Sender as NoticeSender
from waypost.notifications.service import Notifications
from waypost.payloads import api as payloads_api
from waypost.payloads.search import PayloadSearches
from waypost.payloads.service import Payloads
from waypost.queues import api as queues_api
from waypost.queues import figures, postgresql, sqlite
from waypost.queues import store as queue_rows
from waypost.queues.port import Hot
from waypost.queues.service import Queues
from waypost.queues.skipping import Skipping
from waypost.replays import api as replays_api
from waypost.replays.running import Running
from waypost.replays.service import Replays
from waypost.roles import api as roles_api
from waypost.roles.service import Roles
from waypost.samples import api as samples_api
from waypost.samples.service import Samples
from waypost.sessions import invitations
from waypost.sessions.accounts import Accounts
from waypost.sessions.gate import Gate
from waypost.sessions.invitations import Invitations
from waypost.sessions.model import Session
from waypost.sessions.oidc import Provider, Registration
from waypost.sessions.opening import Opening
from waypost.sessions.passwords import Cost, Passwords
from waypost.sessions.service import Sessions
from waypost.settings import Settings
from waypost.sources import api as sources_api
from waypost.sources.service import Sources
from waypost.subscriptions import api as subscriptions_api
from waypost.subscriptions import store as subscription_rows
from waypost.subscriptions.model import Subscription
from waypost.subscriptions.service import Subscriptions
from waypost.tokens import api as tokens_api
from waypost.tokens.keysets import KeySets
from waypost.tokens.service import Tokens
from waypost.upkeep.retention import Retention
from waypost.upkeep.service import Upkeep
from waypost.users.model import on_loopback
from waypost.users.service import Users
from waypost.vault import keyring
from waypost.vault.vault import Vault
from waypost.web import root, unbuilt
from waypost.web.application import application
from waypost.web.limits import Limits

PASSWORD_COST = Cost()
"""What it takes to try a password: some 40 ms and 19 MiB."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

log = structlog.get_logger("waypost.store")


def calm_collector() -> None:
    """Let the garbage collector look through everything more seldom, for a process that serves.

    Some 200,000 objects live as long as the process; looking through them stopped the event loop for 0.1 to
    0.3 s at a time, a fifth of a drain (`docs/performance`). A start makes next to no garbage, so that it is
    not looked for; `waypost serve` has the collector turned off until then.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock | None = None, new: bool = False) -> AsyncIterator["Waypost"]:
    """Everything built on an existing store, at the newest schema, without delivering.

    A `new` one may have nothing set up in it.
    Raises folder.FolderMissing, vault.keyring.KeyFileInvalid, db.migrate.SchemaIsNewer, errors.Unavailable.
    """
    path = Folder(settings.data).database
    if settings.database_url is None and not path.exists():
        raise FolderMissing(f"There is no Waypost data in {settings.data}. Make it with: waypost init")
    keys = keyring.load(settings.key_file)
    async with AsyncExitStack() as stack:
        db = await (_shared(settings.database_url) if settings.database_url else _embedded(path))
        stack.push_async_callback(db.close)
        if settings.database_url and not new and not await db.read(environment_rows.list_organizations):
            raise FolderMissing("Nothing is set up in this store yet. Do it with: waypost init")
        waypost = Waypost(settings, clock or Clock(), db, keys)
        if settings.database_url:
            await _protect(waypost.policy, settings.database_url)
        await waypost.client.start()
        stack.push_async_callback(waypost.client.close)
        stack.push_async_callback(waypost.worker.stop)
        stack.push_async_callback(waypost.skipping.stop)
        stack.push_async_callback(waypost.replaying.stop)
        stack.push_async_callback(waypost.retention.stop)
        stack.push_async_callback(waypost.minutes.stop)
        stack.push_async_callback(waypost.notifier.stop)
        stack.callback(waypost.passwords.close)
        yield waypost


async def _embedded(path: Path) -> Database:
    migrate.upgrade(path)
    return SqliteDatabase(path)


async def _shared(url: str) -> Database:
    await migrate.upgrade_shared(url)
    db = PostgresqlDatabase(url)
    await db.look()
    return db


async def _protect(policy: Policy, url: str) -> None:
    """Let no delivery reach the database."""
    for host in hosts.split(url)[1]:  # none is a socket in the file system, which no URL reaches
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
        except OSError:
            log.warning("store.unknown_host", host=host.name)
            continue
        for *_, address in found:
            policy.protect(str(address[0]).partition("%")[0], host.port)


class Waypost:
    """Everything that runs on this node. Make it with `opened`."""

    def __init__(self, settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> None:
        self.settings = settings
        self.clock = clock
        self.db = db
        self.hot: Hot = postgresql if db.shared else sqlite
        self.vault = Vault(db, keys, clock, reread=lambda: keyring.load(settings.key_file))
        self.disk = Disk(settings.data, settings.disk_floor_bytes)
        self.metrics = Metrics()
        self.metrics.watch_disk(self.disk.free)
        self.disk_is_low = self.disk.is_low
        self.policy = Policy(settings.allowed_networks, grantable=settings.grantable_networks)
        self.client = Client(self.policy, proxy=settings.egress_proxy)
        self._address = str(settings.base_url) if settings.base_url else None
        self._audiences: frozenset[str] = frozenset(settings.token_audiences)
        if settings.base_url:
            self._audiences |= {f"{settings.base_url}/v2/auth/token"}
        self._is_exposed = True
        self._bodies = settings.body_memory_mb * 1_000_000 // 3
        self._build_access()
        self._build_sign_in()
        self._build_delivery()
        self._build_configuration()
        self.upkeep = Upkeep(db, self.vault, clock, settings)
        self._build_notifications()
        self.live = Live()
        self.resume: Resume = self.sessions.resume

    def bound(self, host: str, port: int, *, tls: bool) -> None:
        """Hear where the server listens: no delivery goes there, and on loopback it is the token audience."""
        self.policy.protect(host, port)
        named = urlsplit(self.settings.base_url or "").hostname
        behind_proxy = bool(self.settings.trusted_proxies)
        self._is_exposed = host not in LOOPBACK or behind_proxy or (named is not None and named not in LOOPBACK)
        if self.settings.base_url is None and host in LOOPBACK:
            shown = f"[{host}]" if ":" in host else host
            self._address = f"{'https' if tls else 'http'}://{shown}:{port}"
            self._audiences |= {f"{self._address}/v2/auth/token"}

    @property
    def address(self) -> str | None:
        """Where clients reach this server; None while nobody has said so."""
        return self._address

    def home_of(self, credential_id: str) -> str | None:
        """Where a credential's public key is shown; None while nobody has said where Waypost is."""
        return None if self._address is None else f"{self._address}/waypost/v1/credentials/{credential_id}"

    def wake_credential(self, credential_id: str) -> None:
        """Drop a changed credential's tokens, and try the held queues of every destination that uses it."""
        self.authorizer.forget(credential_id)
        self.worker.wake_credential(credential_id)

    def _build_access(self) -> None:
        keysets = KeySets(self.client, self.clock)
        self.tokens = Tokens(self.db, self.vault, self.clock, keysets, audiences=lambda: self._audiences)
        self.users = Users(self.db, self.clock, self.tokens.forget, left=invitations.forget)
        self.roles = Roles(self.db, self.clock, self.tokens.forget)
        self.apikeys = ApiKeys(self.db, self.clock, self.policy, self.tokens.forget)

    def _build_sign_in(self) -> None:
        settings = self.settings
        provider = None
        if settings.oidc_issuer is not None and settings.oidc_client_id is not None:
            us = Registration(settings.oidc_client_id, settings.oidc_secret)
            provider = Provider(
                self.client,
                self.clock,
                issuer=settings.oidc_issuer,
                us=us,
                home=lambda: self._address,
                https_only=not on_loopback(settings.oidc_issuer),
            )
        self.passwords = Passwords(PASSWORD_COST)
        gate = Gate(self.db, self.vault, self.clock, self.passwords)
        opening = Opening(self.clock, exposed=lambda: self._is_exposed)
        self.sessions = Sessions(self.db, self.clock, gate, opening, provider=provider)
        self.accounts = Accounts(self.db, self.vault, self.clock, self.passwords, gate, opening)
        self.invitations = Invitations(self.db, self.clock, self.passwords)

    def _build_delivery(self) -> None:
        sharing = Shared(self.db, self.vault) if self.db.shared else Alone()
        self.authorizer = Authorizer(self.client, self.clock, sharing=sharing, home=self.home_of)
        self.sender = Sender(self.client, self.authorizer)
        deliverer = Deliverer(self.sender, self.clock, self.settings)
        due, schedule = DueClock(self.clock), Schedule(self.settings.retry_schedule)
        ownership = Ownership(self.db, self.hot, due, longest_seconds=schedule.longest)
        self.retention = Retention(
            self.db,
            self.clock,
            self.metrics,
            mine=lambda: ownership.owns(0),
            days=self.settings.retention_days,
            audit_days=self.settings.audit_retention_days,
        )
        self.minutes = Minutes(self.db, self.clock, mine=lambda: ownership.owns(0))
        runner = Runner(
            self.db,
            self.hot,
            self.vault,
            self.clock,
            due,
            deliverer,
            self.metrics,
            epoch=ownership.epoch,
            schedule=schedule,
        )
        self.worker = Worker(
            self.db, self.hot, due, runner, ownership, quick=Budget(self._bodies), slow=Budget(self._bodies)
        )
        self.queues = Queues(self.db, self.clock, arrived=self.worker.arrived, running=self.worker.is_running)
        self.skipping = Skipping(self.db, self.hot, self.queues, ownership.claimable)
        self.replaying = Running(
            self.db, self.hot, self.vault, self.clock, self.worker.arrived, room=self.disk.require
        )
        self.replays = Replays(
            self.db,
            self.hot,
            self.vault,
            self.clock,
            self.worker.arrived,
            self.replaying,
            room=self.disk.require,
        )
        self.payloads = Payloads(self.db, self.vault, self.clock)
        self.payload_searches = PayloadSearches(self.db, self.vault, self.clock)
        self.intake = Intake(
            self.db, self.hot, self.vault, self.clock, self.metrics, self.worker.arrived, room=self.disk.require
        )

    def _build_configuration(self) -> None:
        self.destinations = Destinations(
            self.db,
            self.vault,
            self.clock,
            self.policy,
            wake=self.worker.wake,
            waiting=Pending(count=_pending, end=_end),
            moved=lambda tx, before, after: moves.told(tx, before, after, self.clock.now_ms()),
        )
        self.signing = SigningSecrets(self.db, self.vault, self.clock, wake=self.worker.wake)
        self.verification = Verification(
            self.destinations,
            self.client,
            Prober(self.db, self.vault, self.sender, self.settings),
            application_name=self.settings.application_name,
        )
        self.egress_lists = EgressLists(
            self.db, self.clock, self.policy, touch=destination_rows.touch_all, wake=self.worker.wake
        )
        self.credentials = Credentials(
            self.db,
            self.vault,
            self.clock,
            self.policy,
            wake=self.wake_credential,
            in_use=destination_rows.users_of_credential,
        )
        self.sources = Sources(self.db, self.clock, subscribed=_subscribed)
        self.subscriptions = Subscriptions(
            self.db,
            self.vault,
            self.clock,
            pending=queue_rows.pending,
            skip_all=queue_rows.skip_all,
            opened=_open_queue,
            closed=queue_rows.close_queue,
            counted=queue_rows.count_of,
        )
        self.samples = Samples(self.db, self.clock, self.sources, self.subscriptions, self.intake)

    def _build_notifications(self) -> None:
        sender = NoticeSender(self.client, self.clock)
        self.notifications = Notifications(self.db, self.vault, self.clock, self.policy, sender)
        self.notifier = Notifier(
            self.db,
            self.hot,
            self.vault,
            self.clock,
            sender,
            self.metrics,
            is_low=lambda: self.disk_is_low(),
            node=socket.gethostname(),
        )

    @cached_property
    def http(self) -> FastAPI:
        """The HTTP application; made when it is first asked for, which a command that serves nobody never does."""
        routers = [
            root.router(self._is_ready, self._exposed, metrics_token=self.settings.metrics_token),
            tokens_api.router(self.tokens),
            environments_api.router(self.db),
            environments_api.egress_router(self.egress_lists),
            roles_api.router(self.roles),
            audit_api.router(self.db),
            apikeys_api.router(self.apikeys),
            credentials_api.router(self.credentials),
            credentials_api.public(self.credentials, self.home_of),
            sources_api.router(self.sources),
            destinations_api.router(self.destinations, self.verification, self.signing),
            samples_api.router(self.samples),
            subscriptions_api.router(self.subscriptions),
            queues_api.router(self.queues, self.skipping.skip),
            ledger_api.router(self.db, self.clock),
            logs_api.router(self.db),
            deliveries.router(self.db),
            payloads_api.router(self.payloads, self.payload_searches),
            replays_api.router(self.replays),
            notifications_api.router(self.notifications),
        ]
        refused = Refusals(self.db, self.clock).record
        pages = dashboard.routes(self._services(), self._resumed, refused)
        app = application(
            routers=routers,
            routes=[*messages_api.routes(self.intake, self.metrics), *pages],
            authenticate=self.tokens.authenticate,
            limits=Limits(self.settings.rate_limits),
            refused=refused,
            bodies=Budget(self._bodies),
        )
        root.add_reference(app, messages_api.described())
        app.router.routes.extend(unbuilt.routes(unbuilt.served(app.routes)))
        return app

    @cached_property
    def vitals(self) -> FastAPI:
        """Health and metrics alone: what a node answers that only delivers."""
        return application(
            routers=[root.router(self._is_ready, self._exposed, metrics_token=self.settings.metrics_token)],
            authenticate=self.tokens.authenticate,
            limits=Limits(self.settings.rate_limits),
            refused=Refusals(self.db, self.clock).record,
        )

    async def _resumed(self, cookie: str, ip: str, *, used: bool = True) -> Session | None:
        return await self.resume(cookie, ip, used=used)

    def _services(self) -> Services:
        """What the pages of the dashboard stand on."""
        return Services(
            db=self.db,
            clock=self.clock,
            live=self.live,
            accounts=self.accounts,
            glances=Glances(self.db, self.clock),
            apikeys=self.apikeys,
            credentials=self.credentials,
            destinations=self.destinations,
            egress_lists=self.egress_lists,
            invitations=self.invitations,
            notifications=self.notifications,
            payload_searches=self.payload_searches,
            payloads=self.payloads,
            queues=self.queues,
            replays=self.replays,
            roles=self.roles,
            samples=self.samples,
            sessions=self.sessions,
            signing=self.signing,
            skipping=self.skipping,
            sources=self.sources,
            subscriptions=self.subscriptions,
            users=self.users,
            verification=self.verification,
            address=lambda: self.address,
        )

    async def _exposed(self) -> bytes:
        """What `/metrics` says; a store that is away takes only its own figures with it."""

        def read(tx: Tx) -> Figures:
            return Figures(figures.of_environments(tx, self.clock.now_ms()), outbox.waiting(tx))

        try:
            found = await self.db.read(read)
        except Unavailable:
            found = None
        return self.metrics.exposed(found, disk_low=self.disk_is_low())

    async def _is_ready(self) -> bool:
        try:
            await self.db.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar())
        except Unavailable:
            return False
        return True


def _subscribed(tx: Tx, source_id: str) -> list[str]:
    return [found.id for found in subscription_rows.of_source(tx, source_id)]


def _open_queue(tx: Tx, subscription: Subscription) -> None:
    queue_rows.open_queue(
        tx,
        environment_id=subscription.environment_id,
        subscription_id=subscription.id,
        destination_id=subscription.destination_id,
    )


def _pending(tx: Tx, destination_id: str) -> int:
    return sum(queue_rows.pending(tx, found.id) for found in subscription_rows.of_destination(tx, destination_id))


def _end(tx: Tx, destination_id: str, now_ms: int, reason: str) -> int:
    """End a destination's subscriptions with what is pending in them; how many logs were skipped."""
    skipped = 0
    for found in subscription_rows.of_destination(tx, destination_id):
        skipped += queue_rows.skip_all(tx, found.id, now_ms, reason)
        queue_rows.close_queue(tx, found.id, now_ms)
        subscription_rows.delete(tx, found.id, now_ms)
    return skipped
