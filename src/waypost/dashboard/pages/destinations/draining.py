"""How a destination's queues stand and move: the live picture on its page and behind a replaced credential."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from waypost.dashboard.visits.live import Fragments, Poll
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.destinations.model import Destination
from waypost.queues import standing, store
from waypost.queues.model import QueueView
from waypost.queues.standing import Standing

MOST_QUEUES = 20
POINTS = 60
WIDTH, HEIGHT = 480, 56
_CREDENTIAL = "No authorization:"


@dataclass(frozen=True, slots=True)
class AtChange:
    """What a change found: how many had been delivered and how many waited, and when (ms)."""

    delivered: int
    waiting: int
    at: int

    @property
    def query(self) -> str:
        """The mark in an address."""
        return urlencode({"delivered": self.delivered, "waiting": self.waiting, "at": self.at})

    @classmethod
    def of(cls, visit: Visit) -> "AtChange | None":
        """The mark that is in the page's address."""
        parts = [visit.query(name) for name in ("delivered", "waiting", "at")]
        if not all(part.isascii() and part.isdigit() and len(part) <= 15 for part in parts):
            return None
        return cls(*(int(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Moment:
    """A destination's queues at one time, the worst one first; `points` are the depths before, as a line."""

    standing: Standing
    queues: list[QueueView]
    mark: AtChange | None = None
    points: str = ""

    @property
    def worst(self) -> QueueView | None:
        """The queue that has been held longest, if one is held."""
        first = next(iter(self.queues), None)
        return first if first is not None and first.reason is not None and self.standing.held else None

    @property
    def is_credential(self) -> bool:
        """Whether the reason is of the kind that another credential or token mends."""
        worst = self.worst
        if worst is None:
            return False
        return (worst.reason or "").startswith(_CREDENTIAL) or worst.last_status in {401, 403}

    @property
    def since(self) -> int:
        """How many were delivered since the mark."""
        return 0 if self.mark is None else max(0, self.standing.delivered - self.mark.delivered)

    @property
    def has_drained(self) -> bool:
        """Whether all that waited at the mark has gone."""
        return self.mark is not None and self.standing.waiting == 0 and self.since > 0


def look(tx: Tx, destination_id: str, mark: AtChange | None = None) -> Moment:
    """The queues as they are now."""
    return Moment(
        standing.of_destination(tx, destination_id),
        store.of_destination(tx, destination_id, count=MOST_QUEUES),
        mark,
    )


async def now(visit: Visit, destination: Destination, mark: AtChange | None = None) -> Moment:
    """The same, for a page."""
    return await visit.services.db.read(lambda tx: look(tx, destination.id, mark))


async def mark_now(visit: Visit, destination: Destination) -> AtChange:
    """The mark of a change that is about to be made."""
    found = (await now(visit, destination)).standing
    return AtChange(found.delivered, found.waiting, visit.services.clock.now_ms())


def poll(visit: Visit, destination: Destination, mark: AtChange | None) -> Poll:
    """What makes the fragments of a live page, and remembers how deep the queues were."""
    services, view = visit.services, visit.view
    depths: deque[int] = deque([mark.waiting] if mark else [], POINTS)

    async def fragments() -> Fragments:
        moment = await services.db.read(lambda tx: look(tx, destination.id, mark))
        depths.append(moment.standing.waiting)
        shown = Moment(moment.standing, moment.queues, mark, line(depths))
        return {
            "draining": view.render("destinations/draining.html", moment=shown),
            "queues": view.render("destinations/queues.html", moment=shown),
        }

    return fragments


def line(depths: Sequence[int]) -> str:
    """The points of a line from the first depth to the last, the deepest at the top; empty with fewer than two."""
    if len(depths) < 2 or not any(depths):
        return ""
    step, most = WIDTH / (len(depths) - 1), max(depths)
    places = [
        (round(number * step, 1), round(HEIGHT - depth / most * (HEIGHT - 4) - 2, 1))
        for number, depth in enumerate(depths)
    ]
    return " ".join(f"{x:g},{y:g}" for x, y in places)
