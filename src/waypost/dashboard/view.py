"""From a template and its values to HTML. Everything is escaped; a name that is not there is a fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from waypost import __version__
from waypost.access import EnvironmentRole, OrganizationRole
from waypost.clock import Clock
from waypost.dashboard import words
from waypost.dashboard.assets import Assets
from waypost.dashboard.guard import HOME
from waypost.dashboard.places import Place
from waypost.sessions.model import Session

TEMPLATES = Path(__file__).parent / "templates"

FlashKind = Literal["done", "note", "warning"]
MOST_GENERAL = "/dashboard/environments/{environment}".count("/")
"""The overview's own depth: everything of the environment lies below it, and is not part of it."""

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


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the navigation. `path` is below `/dashboard`, with `{environment}` or `{organization}` in it.

    `also` are the beginnings of further paths that belong to it; it is offered to these roles only.
    """

    name: str
    path: str
    icon: str
    also: tuple[str, ...] = ()
    roles: frozenset[EnvironmentRole] = frozenset(EnvironmentRole)
    organization_roles: frozenset[OrganizationRole] = frozenset(OrganizationRole)

    def link(self, place: Place, here: str) -> "Link | None":
        """Where it leads from this place; None where it leads nowhere or is not offered."""
        environment, organization = place.environment, place.organization
        if "{environment}" in self.path and (environment is None or place.role not in self.roles):
            return None
        if organization is None or place.organization_role not in self.organization_roles:
            return None
        known = {"environment": environment.id if environment else "", "organization": organization.id}
        href = HOME + self.path.format(**known)
        inside = [f"{href}/", *(HOME + each for each in self.also)]
        is_here = here == href or (href.count("/") > MOST_GENERAL and here.startswith(tuple(inside)))
        return Link(self.name, href, self.icon, is_here)


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the navigation on one page."""

    name: str
    href: str
    icon: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of the navigation under a heading."""

    name: str
    items: Sequence[MenuItem] = field(default_factory=tuple)


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
