"""The ledger: what came in and what became of it, in all and by subscription."""

from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.dashboard.html import charts
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.readings import names
from waypost.dashboard.readings.names import Route
from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.ledger import store
from waypost.web.routes import cursor as cursors

PATH = "/environments/{environment_id}/ledger"
COUNT = 50


async def show(visit: Visit) -> Response:
    """The environment's counts, and a page of its subscriptions."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ANY_ROLE)
    _, after = cursors.read(visit.query("after") or None) or (0, "")

    def read(tx: Tx) -> tuple[store.Counts, list[store.LedgerLine], dict[str, Route]]:
        lines = store.page(tx, environment_id, after=after, count=COUNT)
        routes = names.routes(tx, [(line.subscription_id, line.destination_id) for line in lines])
        return store.total(tx, environment_id), lines, routes

    total, lines, routes = await visit.services.db.read(read)
    here = f"{HOME}/environments/{environment_id}/ledger"
    following = cursors.write((0, lines[COUNT - 1].subscription_id)) if len(lines) > COUNT else ""
    incoming = (("accepted", total.accepted), ("replayed", total.replayed))
    ends = ("delivered", "filtered", "skipped", "parked", "pending")
    outgoing = tuple((name, getattr(total, name)) for name in ends)
    everything = max(1, total.accepted + total.replayed)
    return await visit.page(
        "ledger.html",
        at=environment_id,
        total=total,
        lines=lines[:COUNT],
        routes=routes,
        incoming=incoming,
        outgoing=outgoing,
        incoming_bar=charts.stacked(incoming, everything),
        outgoing_bar=charts.stacked(outgoing, everything),
        following=visit.link(here, after=following) if following else "",
        first=here if after else "",
    )


PAGES = [get(PATH, show)]
