"""One queue: why it does not go on, what waits in it, how it drains, and what an engineer can do about it."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from waypost.access import ANY_ROLE, ENGINEER, Caller
from waypost.dashboard.html import charts, forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.readings import names
from waypost.dashboard.readings.names import Route
from waypost.dashboard.visits.live import Fragments
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.errors import Conflict, Invalid
from waypost.logs import store as logs
from waypost.queues import store
from waypost.queues.figures import SHOWN
from waypost.queues.model import QueueView
from waypost.queues.service import Queues

PATH = "/queues/{queue_id}"
AROUND = 10
EVERY_SECONDS = 1.0
HISTORY_SECONDS = 180.0
PACE_SECONDS = 15.0
Verb = Callable[[Caller, str], Awaitable[QueueView]]

PARTS = ("status", "draining", "waiting", "ended")


async def show(visit: Visit) -> Response:
    """The queue as it is now."""
    found = await _find(visit)
    place = await visit.place(found.queue.environment_id)
    values = _values(visit, found, History(), may_write=place.may_write)
    return await visit.page("queues/one.html", at=found.queue.environment_id, **values)


async def live(visit: Visit) -> Response:
    """The same, again and again; with its buttons for those who may use them."""
    environment_id = (await _find(visit)).queue.environment_id
    may_write = (await visit.place(environment_id)).may_write
    parts = (*PARTS, "actions") if may_write else PARTS
    history = History()

    async def poll() -> Fragments:
        values = _values(visit, await _find(visit), history, may_write=may_write)
        return {part: visit.view.render(f"queues/{part}.html", **values) for part in parts}

    key = f"queue {visit.path('queue_id')} {'writing' if may_write else 'reading'}"
    roles = ENGINEER if may_write else ANY_ROLE
    return visit.stream(key, poll, at=environment_id, roles=roles, every_seconds=EVERY_SECONDS)


def _act(of: Callable[[Queues], Verb], done: str) -> Callable[[Visit], Awaitable[Response]]:
    """A button that needs nothing but the queue."""

    async def act(visit: Visit) -> Response:
        queue_id = visit.path("queue_id")
        await of(visit.services.queues)(visit.caller, queue_id)
        return visit.redirect(f"{HOME}/queues/{queue_id}", done)

    return act


async def skip(visit: Visit) -> Response:
    """Give up the message at the head; a reason is needed, and who comes too late is told so."""
    queue_id = visit.path("queue_id")
    body = forms.body(visit.form, forms.text("logId"), forms.text("reason"))
    back = f"{HOME}/queues/{queue_id}"
    try:
        await visit.services.skipping.skip(visit.caller, queue_id, body)
    except Invalid as error:
        faults = " ".join(f"{fault.pointer[1:]}: {fault.detail}" for fault in error.faults)
        return visit.redirect(back, f"Nothing was skipped. {faults}", kind="warning")
    except Conflict as error:
        return visit.redirect(back, f"Nothing was skipped. {error.detail}", kind="warning")
    return visit.redirect(back, "The message was skipped. Its body is kept; it can be replayed.")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A queue with what lies around its cursor."""

    queue: QueueView
    route: Route
    credential_id: str | None
    waiting: list[sa.Row[Any]]
    ended: list[sa.Row[Any]]


async def _find(visit: Visit) -> Surroundings:
    queue = await visit.services.queues.get(visit.caller, visit.path("queue_id"))

    def read(tx: Tx) -> Surroundings:
        route = names.routes(tx, [(queue.subscription_id, queue.destination_id)])[queue.subscription_id]
        waiting, ended = store.around(tx, queue.queue_id, AROUND)
        rows = {row.id: row for row in logs.listed(tx, [*waiting, *ended])}

        def kept(log_ids: list[str]) -> list[sa.Row[Any]]:
            return [rows[log_id] for log_id in log_ids if log_id in rows]

        credential_id = destinations.credential_of(tx, queue.destination_id)
        return Surroundings(queue, route, credential_id, kept(waiting), kept(ended))

    return await visit.services.db.read(read)


@dataclass(frozen=True, slots=True)
class History:
    """How deep a queue was while somebody looked: (seconds, depth), oldest first."""

    depths: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=round(HISTORY_SECONDS)))

    def add(self, at: float, depth: int) -> None:
        """How deep it is now."""
        self.depths.append((at, depth))

    @property
    def pace(self) -> float:
        """How many a second leave it on balance, lately; below nought while it grows."""
        newest = self.depths[-1]
        oldest = next(each for each in self.depths if newest[0] - each[0] <= PACE_SECONDS)
        return (oldest[1] - newest[1]) / (newest[0] - oldest[0]) if newest[0] > oldest[0] else 0.0


def _values(visit: Visit, found: Surroundings, history: History, *, may_write: bool) -> dict[str, Any]:
    """What the templates are given; the history has this look in it, too."""
    history.add(visit.services.clock.now_ms() / 1000, found.queue.depth)
    pace = history.pace
    return {
        "queue": found.queue,
        "state": SHOWN[found.queue.state],
        "route": found.route,
        "credential_id": found.credential_id,
        "waiting": found.waiting,
        "ended": found.ended,
        "may_write": may_write,
        "slope": charts.slope(list(history.depths), span=HISTORY_SECONDS),
        "pace": pace,
        "seconds_left": found.queue.depth / pace if pace > 0 else None,
    }


_PAUSED = "The queue is paused: what arrives is stored, and nothing is sent."

PAGES = [
    get(PATH, show),
    get(f"{PATH}/live", live),
    post(
        f"{PATH}/pause",
        _act(lambda of: of.pause, _PAUSED),
    ),
    post(f"{PATH}/resume", _act(lambda of: of.resume, "The queue goes on.")),
    post(f"{PATH}/retry", _act(lambda of: of.retry, "The message at the head is tried now.")),
    post(f"{PATH}/skip", skip),
]
