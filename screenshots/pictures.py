"""The list of pictures: which page, seen by whom, in which sizes. A new page is a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from screenshots.stage import Stage


@dataclass(frozen=True, slots=True)
class Form:
    """How a page is looked at."""

    width: int
    height: int
    scheme: Literal["light", "dark"]
    suffix: str
    is_whole: bool = False


DESK = Form(1200, 800, "light", "")
NIGHT = Form(1200, 800, "dark", "-dark")
PHONE = Form(360, 780, "light", "-phone")
ALL_FORMS = (
    Form(1440, 900, "light", "", is_whole=True),
    Form(1440, 900, "dark", "-dark", is_whole=True),
    Form(360, 780, "light", "-phone", is_whole=True),
    Form(360, 780, "dark", "-phone-dark", is_whole=True),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A page; `clicks` are what is clicked before the picture is taken, by selector.

    Without `forms` it is only made with `--all`, to be looked at.
    """

    name: str
    path: Callable[[Stage], str]
    forms: tuple[Form, ...] = ()
    by: str = "engineer"
    clicks: tuple[str, ...] = ()


def _environment(rest: str) -> Callable[[Stage], str]:
    return lambda stage: f"/dashboard/environments/{stage.environment_id}{rest}"


def _queue(name: str) -> Callable[[Stage], str]:
    return lambda stage: f"/dashboard/queues/{stage.queues[name]}"


def _log(name: str, place: int) -> Callable[[Stage], str]:
    return lambda stage: f"/dashboard/logs/{stage.logs[name][place]}"


PICTURES = (
    Picture("overview", _environment(""), (DESK, NIGHT, PHONE)),
    Picture("guide", lambda stage: f"/dashboard/environments/{stage.house.environments['Staging']}"),
    Picture("queues", _environment("/queues"), (DESK,)),
    Picture("queue", _queue("Care coordination"), (DESK,)),
    Picture("queue-paused", _queue("Data warehouse")),
    Picture("logs", _environment("/logs")),
    Picture("log", _log("Care coordination", 60), (NIGHT,)),
    Picture("message", _log("Results inbox", 0), clicks=("text=Show the message",)),
    Picture("messages", _environment("/logs/messages")),
    Picture("replay", _environment("/replays/new?status=failed")),
    Picture("ledger", _environment("/ledger")),
    Picture("error", lambda stage: "/dashboard/nowhere"),
)
