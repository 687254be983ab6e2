"""What a node answers over HTTP: the API, the message path and the dashboard, over the parts that are there."""

from functools import cached_property

from fastapi import FastAPI

from waypost.apikeys import api as apikeys_api
from waypost.assembly.configuration import Configuration
from waypost.audit import api as audit_api
from waypost.audit.refusals import Refusals
from waypost.clock import Clock
from waypost.credentials import api as credentials_api
from waypost.dashboard import application as dashboard
from waypost.dashboard.readings.glance import Glances
from waypost.dashboard.visits.guard import Resume
from waypost.dashboard.visits.live import Live
from waypost.dashboard.visits.services import Services
from waypost.db.database import Database, Tx
from waypost.destinations import api as destinations_api
from waypost.environments import api as environments_api
from waypost.errors import Unavailable
from waypost.ledger import api as ledger_api
from waypost.logs import api as logs_api
from waypost.logs import deliveries
from waypost.memory import Budget
from waypost.messages import api as messages_api
from waypost.metrics import Figures
from waypost.notifications import api as notifications_api
from waypost.notifications import outbox
from waypost.payloads import api as payloads_api
from waypost.queues import api as queues_api
from waypost.queues import figures
from waypost.quotas import api as quotas_api
from waypost.quotas import store as quota_rows
from waypost.replays import api as replays_api
from waypost.roles import api as roles_api
from waypost.samples import api as samples_api
from waypost.sessions.model import Session
from waypost.settings import Settings
from waypost.sources import api as sources_api
from waypost.subscriptions import api as subscriptions_api
from waypost.tokens import api as tokens_api
from waypost.vault import keyring
from waypost.web import root
from waypost.web.application import application
from waypost.web.document import unbuilt
from waypost.web.rates import Limits


class Waypost(Configuration):
    """Everything that runs on this node. Make it with `app.opened`."""

    def __init__(self, settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> None:
        super().__init__(settings, clock, db, keys)
        self.live = Live()
        self.resume: Resume = self.sessions.resume

    @cached_property
    def http(self) -> FastAPI:
        """The HTTP application; made when it is first asked for, which a command that serves nobody never does."""
        routers = [
            root.router(self._is_ready, self._exposed, metrics_token=self.settings.metrics_token),
            tokens_api.router(self.tokens),
            environments_api.router(self.db),
            environments_api.egress_router(self.egress_lists),
            quotas_api.router(self.quotas),
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
            found = figures.of_environments(tx, self.clock.now_ms())
            return Figures(
                found, outbox.waiting(tx), {each: q.shown() for each, q in quota_rows.every(tx).items()}
            )

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
