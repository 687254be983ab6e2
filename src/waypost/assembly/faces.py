"""What a node answers over HTTP: the API, the message path and the dashboard, over the parts that are there."""

from functools import cached_property

from fastapi import APIRouter, FastAPI

from waypost.apikeys import api as apikeys_api
from waypost.assembly.configuration import Configuration
from waypost.assembly.engine import Engine
from waypost.assembly.ground import Ground
from waypost.assembly.people import People
from waypost.assembly.vitals import Vitals
from waypost.credentials import api as credentials_api
from waypost.dashboard import application as dashboard
from waypost.dashboard.readings.glance import Glances
from waypost.dashboard.visits.guard import Resume
from waypost.dashboard.visits.live import Live
from waypost.dashboard.visits.services import Services
from waypost.destinations import api as destinations_api
from waypost.environments import api as environments_api
from waypost.ledger import api as ledger_api
from waypost.logs import api as logs_api
from waypost.logs import deliveries
from waypost.messages import api as messages_api
from waypost.notifications import api as notifications_api
from waypost.payloads import api as payloads_api
from waypost.queues import api as queues_api
from waypost.quotas import api as quotas_api
from waypost.replays import api as replays_api
from waypost.roles import api as roles_api
from waypost.roles import audit_events
from waypost.samples import api as samples_api
from waypost.sessions.model import Session
from waypost.sources import api as sources_api
from waypost.subscriptions import api as subscriptions_api
from waypost.tokens import api as tokens_api
from waypost.web import root
from waypost.web.application import application
from waypost.web.document import unbuilt
from waypost.web.rates import Limits
from waypost.web.refusals import Refusals


class Faces:
    """What this node answers, to programs and in the dashboard."""

    def __init__(self, ground: Ground, people: People, engine: Engine, configuration: Configuration) -> None:
        self._ground = ground
        self._people = people
        self._engine = engine
        self._configuration = configuration
        self._vitals = Vitals(ground)
        self._refused = Refusals(ground.db, ground.clock).record
        self.live = Live()
        self.resume: Resume = people.sessions.resume

    @cached_property
    def http(self) -> FastAPI:
        """The HTTP application; made when it is first asked for, which a command that serves nobody never does."""
        parts = self._ground, self._people, self._engine, self._configuration
        pages = dashboard.routes(_services(*parts, self.live), self._resumed, self._refused)
        app = application(
            routers=[self._root(), *_routers(*parts)],
            routes=[*messages_api.routes(self._engine.intake, self._ground.metrics), *pages],
            authenticate=self._people.tokens.authenticate,
            limits=Limits(self._ground.settings.rate_limits),
            refused=self._refused,
            bodies=self._ground.budget(),
        )
        root.add_reference(app, messages_api.described())
        app.router.routes.extend(unbuilt.routes(unbuilt.served(app.routes)))
        return app

    @cached_property
    def vitals(self) -> FastAPI:
        """Health and metrics alone: what a node answers that only delivers."""
        return application(
            routers=[self._root()],
            authenticate=self._people.tokens.authenticate,
            limits=Limits(self._ground.settings.rate_limits),
            refused=self._refused,
        )

    def _root(self) -> APIRouter:
        token = self._ground.settings.metrics_token
        return root.router(self._vitals.is_ready, self._vitals.exposed, metrics_token=token)

    async def _resumed(self, cookie: str, ip: str, *, used: bool = True) -> Session | None:
        return await self.resume(cookie, ip, used=used)


def _routers(ground: Ground, people: People, engine: Engine, configuration: Configuration) -> list[APIRouter]:
    """The operations of the API, room by room, in the order of the published document."""
    return [
        tokens_api.router(people.tokens),
        environments_api.router(ground.db),
        environments_api.egress_router(configuration.egress_lists),
        quotas_api.router(engine.quotas),
        roles_api.router(people.roles),
        audit_events.router(ground.db),
        apikeys_api.router(people.apikeys),
        credentials_api.router(configuration.credentials),
        credentials_api.public(configuration.credentials, ground.whereabouts.home_of),
        sources_api.router(configuration.sources),
        destinations_api.router(configuration.destinations, configuration.verifier, configuration.signing),
        samples_api.router(configuration.samples),
        subscriptions_api.router(configuration.subscriptions),
        queues_api.router(engine.queues, engine.skipping.skip),
        ledger_api.router(ground.db, ground.clock),
        logs_api.router(ground.db),
        deliveries.router(ground.db),
        payloads_api.router(engine.payloads, engine.payload_searches),
        replays_api.router(engine.replays),
        notifications_api.router(configuration.notifications),
    ]


def _services(
    ground: Ground, people: People, engine: Engine, configuration: Configuration, live: Live
) -> Services:
    """What the pages of the dashboard stand on."""
    return Services(
        db=ground.db,
        clock=ground.clock,
        live=live,
        accounts=people.accounts,
        glances=Glances(ground.db, ground.clock),
        apikeys=people.apikeys,
        credentials=configuration.credentials,
        destinations=configuration.destinations,
        egress_lists=configuration.egress_lists,
        invitations=people.invitations,
        notifications=configuration.notifications,
        payload_searches=engine.payload_searches,
        payloads=engine.payloads,
        queues=engine.queues,
        replays=engine.replays,
        roles=people.roles,
        samples=configuration.samples,
        sessions=people.sessions,
        signing=configuration.signing,
        skipping=engine.skipping,
        sources=configuration.sources,
        subscriptions=configuration.subscriptions,
        users=people.users,
        verifier=configuration.verifier,
        address=ground.whereabouts.address,
    )
