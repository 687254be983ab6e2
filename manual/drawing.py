"""The state machines of a log and of a queue as pictures. What follows an attempt is asked of `next_step` itself.

Plain SVG with its own ground, in light and dark. Places and words are set here by hand.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from waypost.delivery.model import Advance, Delivered, Failed, Hold, Outcome, Park, Parking, Schedule, next_step

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .ground { fill: #ffffff } .state { font-weight: 600 }
  .box { fill: #ddf4ff; stroke: #0969da } .end { fill: #dafbe1; stroke: #1a7f37 }
  .held { fill: #fff1e5; stroke: #bc4c00 }
  .arrow { fill: none; stroke: #59636e; stroke-width: 1.3 } .tip { fill: #59636e } .said { fill: #59636e }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .ground { fill: #0d1117 } .box { fill: #121d2f; stroke: #4493f8 }
    .end { fill: #12261e; stroke: #3fb950 } .held { fill: #2a1d12; stroke: #db6d28 }
    .arrow { stroke: #9198a1 } .tip { fill: #9198a1 } .said { fill: #9198a1 }
  }
"""
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
)
WIDTH, HEIGHT = 116, 42

SCHEDULE = Schedule((0, 10, 10, 20, 30, 50, 80, 120))
PARKING = Parking(statuses={422}, after=3)


@dataclass(frozen=True)
class Attempt:
    """What may come of an attempt, in words, and with what else `next_step` is asked."""

    words: tuple[str, str]
    outcome: Outcome
    changed: bool = False
    refused: int = 0

    @property
    def follows(self) -> str:
        """The state of the log afterwards."""
        step = next_step(
            self.outcome, failures=0, schedule=SCHEDULE, changed=self.changed, now_ms=0,
            parking=PARKING if self.refused else None, refused=self.refused,
        )  # fmt: skip
        match step:
            case Advance():
                return "delivered"
            case Park():
                return "parked"
            case Hold():
                return "pending"


ATTEMPTS = (
    Attempt(("", "2xx"), Delivered(200)),
    Attempt(("anything else:", "again, by the schedule"), Failed("", 500)),
    Attempt(("the last of so many answers", "that the subscription parks"), Failed("", 422), refused=2),
    Attempt(("anything else, and something", "was changed meanwhile: again, now"), Failed("", 500), changed=True),
)


@dataclass(frozen=True)
class Drawing:
    """A picture as it is put together: boxes by name, and what has been drawn."""

    title: str
    width: int
    height: int
    places: Mapping[str, tuple[int, int]]
    looks: Mapping[str, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def arrow(self, path: str, at: tuple[int, int], *lines: str, anchor: str = "middle") -> None:
        """An arrow along an SVG path, with its words at a place."""
        self.parts.append(f'<path class="arrow" marker-end="url(#tip)" d="{path}"/>')
        for number, line in enumerate(lines):
            place = f'x="{at[0]}" y="{at[1] + 16 * number}" text-anchor="{anchor}"'
            self.parts.append(f'<text class="said" {place}>{escape(line)}</text>')

    def __str__(self) -> str:
        size = f'viewBox="0 0 {self.width} {self.height}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
                f"<title>{escape(self.title)}</title><style>{STYLE}</style>{TIP}",
                f'<rect class="ground" width="{self.width}" height="{self.height}" rx="6"/>',
                *self.parts,
                *(line for name in self.places for line in self._box(name)),
                "</svg>\n",
            ]
        )

    def _box(self, name: str) -> Iterator[str]:
        x, y = self.places[name]
        look = self.looks.get(name, "box")
        yield f'<rect class="{look}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
        yield f'<text class="state" x="{x + WIDTH // 2}" y="{y + 26}" text-anchor="middle">{name}</text>'


def pictures() -> dict[str, str]:
    """Each picture by the name of its file."""
    return {"states-of-a-log.svg": str(_log()), "states-of-a-queue.svg": str(_queue())}


def _log() -> Drawing:
    """Pending on the left, its ends on the right, one arrow for each thing that may come of an attempt."""
    places = {"pending": (150, 130), "delivered": (584, 50), "parked": (584, 130), "skipped": (584, 210)}
    made = Drawing(
        "The states of a log", 720, 300, places, {"delivered": "end", "parked": "held", "skipped": "held"}
    )
    loops = iter([("M180 130C166 78 250 78 236 130", (208, 62)), ("M180 172C166 224 250 224 236 172", (208, 230))])
    made.arrow("M20 151H146", (82, 142), "accepted")
    for attempt in ATTEMPTS:
        if attempt.follows == "pending":
            made.arrow(*next(loops), *attempt.words)
        else:
            made.arrow(*_to(places[attempt.follows]), *attempt.words)
    made.arrow(*_to(places["skipped"]), "an operator gives it up,", "with a reason")
    return made


def _to(place: tuple[int, int]) -> tuple[str, tuple[int, int]]:
    """From pending to one of its ends, and where the words go."""
    y = place[1] + HEIGHT // 2
    return f"M266 151C330 151 330 {y} 390 {y}H580", (474, y - 24)


def _queue() -> Drawing:
    """Idle, delivering and held in a row; paused below."""
    places = {"idle": (40, 110), "delivering": (302, 110), "held": (564, 110), "paused": (302, 262)}
    made = Drawing("The states of a queue", 720, 330, places, {"held": "held"})
    made.arrow("M156 122H298", (227, 114), "a message comes")
    made.arrow("M302 142H160", (231, 160), "2xx, nothing waits")
    made.arrow("M418 122H560", (489, 114), "anything but 2xx")
    made.arrow("M564 142H422", (493, 160), "2xx, skip or park")
    made.arrow("M332 110C322 60 398 60 388 110", (360, 62), "2xx, more waits")
    made.arrow("M594 110C584 60 660 60 650 110", (622, 46), "tried again,", "no 2xx either")
    made.arrow("M98 152C98 283 200 283 298 283", (150, 282), "pause", anchor="end")
    made.arrow("M622 152C622 283 520 283 422 283", (580, 282), "pause", anchor="start")
    made.arrow("M346 152V258", (338, 210), "pause", anchor="end")
    made.arrow("M374 262V156", (382, 210), "resume", anchor="start")
    return made
