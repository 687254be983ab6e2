"""One destination: what it is, how its queues move, its credential, and everything that can be done with it."""

from starlette.responses import Response

from waypost.credentials import store as credentials
from waypost.credentials.model import Credential
from waypost.dashboard.pages.destinations import draining
from waypost.dashboard.pages.destinations.draining import AtChange
from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.destinations.model import Destination
from waypost.logs import store as logs
from waypost.samples.model import DATA_SETS
from waypost.subscriptions import store as subscriptions
from waypost.subscriptions.model import Subscription, SubscriptionQuery

PATH = "/destinations/{destination_id}"
MOST_NAMED = 50
DRAINING_SECONDS = 1.0


async def show(visit: Visit) -> Response:
    """The page."""
    found = await visit.services.destinations.get(visit.caller, visit.path("destination_id"))

    def read(tx: Tx) -> tuple[Credential | None, list[Destination], list[Subscription], int, dict[str, str]]:
        credential = None
        if found.credential_id is not None:
            credential = credentials.exists_in(tx, found.environment_id, found.credential_id)
        users = destinations.using(tx, found.credential_id or "", count=MOST_NAMED)
        wanted = SubscriptionQuery(destination_id=found.id)
        own, total = subscriptions.page(tx, found.environment_id, wanted, offset=0, count=MOST_NAMED)
        return credential, users, own, total, logs.names(tx, {each.source_id for each in own}, set())

    credential, users, own, total, names = await visit.services.db.read(read)
    return await visit.page(
        "destinations/one.html",
        at=found.environment_id,
        destination=found,
        credential=credential,
        others=[each for each in users if each.id != found.id],
        subscriptions=own,
        total=total,
        sources=names,
        data_sets=list(DATA_SETS),
        moment=await draining.now(visit, found),
        mark=None,
    )


async def live(visit: Visit) -> Response:
    """The queues as they move; with a mark, since that."""
    found = await visit.services.destinations.get(visit.caller, visit.path("destination_id"))
    mark = AtChange.of(visit)
    key = f"draining {found.id} {mark.query if mark else ''}"
    often = DRAINING_SECONDS if mark else None
    return visit.stream(key, draining.poll(visit, found, mark), at=found.environment_id, every_seconds=often)


PAGES = [get(PATH, show), get(f"{PATH}/live", live)]
