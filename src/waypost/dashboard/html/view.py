"""From a template and its values to HTML. Everything is escaped; a name that is not there is a fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from waypost import __version__
from waypost.clock import Clock
from waypost.dashboard.html import words
from waypost.dashboard.html.assets import Assets
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.navigation.links import Group, Link
from waypost.dashboard.navigation.places import Place
from waypost.sessions.model import Session

TEMPLATES = Path(__file__).parents[1] / "templates"

FlashKind = Literal["done", "note", "warning"]
KINDS = ("done", "note", "warning")


@dataclass(frozen=True, slots=True)
class Flash:
    """What the page before this one has done, said once."""

    kind: FlashKind
    words: str

    @classmethod
    def of(cls, kind: str, said: str) -> "Flash | None":
        """The flash, when this is one."""
        return cls(cast(FlashKind, kind), said) if kind in KINDS and said else None


class View:
    """The templates, with what all of them know."""

    def __init__(self, assets: Assets, navigation: Sequence[Group], clock: Clock) -> None:
        self._navigation = navigation
        self._clock = clock
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(asset=assets.url, home=HOME, version=__version__)
        self._templates.filters.update(words.FILTERS)

    def render(self, template: str, **values: Any) -> str:
        """A template with these values and `now`, in milliseconds."""
        return self._templates.get_template(template).render(now=self._clock.now_ms(), **values)

    def page(
        self,
        request: Request,
        template: str,
        place: Place | None,
        session: Session | None,
        flash: Flash | None,
        values: Mapping[str, Any],
    ) -> str:
        """A whole page, which extends `layout.html`: with navigation where somebody is signed in."""
        shared = {
            "here": request.url.path,
            "request_id": request.state.request_id,
            "place": place,
            "navigation": self._links(place, request.url.path),
            "session": session,
            "csrf": session.csrf if session is not None else "",
            "flash": flash,
        }
        return self.render(template, **{**shared, **values})

    def _links(self, place: Place | None, here: str) -> list[tuple[str, list[Link]]]:
        if place is None:
            return []
        found = [
            (group.name, [link for item in group.items if (link := item.link(place, here)) is not None])
            for group in self._navigation
        ]
        return [(name, links) for name, links in found if links]
