"""The vendor's offset paging: `_page` from 1, `_count` up to 50, and links in `meta`.

Links are relative and without the `/platform/v1` prefix, as the vendor writes them.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from pydantic import Field

from waypost.validation import Shown

MOST_COUNT = 50
MOST_PAGE = 10**9
PREFIX = "/platform/v1"


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is wanted, and the request's address to make links from."""

    number: int
    size: int
    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.number - 1) * self.size

    def links(self, total: int) -> dict[str, str]:
        """Links to this page and the ones around it; `prev` and `next` only where there is such a page."""
        last = max(1, -(-total // self.size))
        links = {"self": self._link(self.number)}
        if self.number < last:
            links["next"] = self._link(self.number + 1)
        if self.number > 1:
            links["prev"] = self._link(min(self.number - 1, last))
        return {**links, "first": self._link(1), "last": self._link(last)}

    def meta(self, total: int) -> dict[str, Any]:
        """`meta.page` of audit events and logs, for so many rows in all."""
        return {
            "page": {
                "currentPage": self.number, "pageType": "offset", "pageSize": self.size,
                "links": self.links(total),
            }
        }  # fmt: skip

    def _link(self, number: int) -> str:
        query = [("_page", str(number)), ("_count", str(self.size)), *self.query]
        return f"{self.path.removeprefix(PREFIX)}?{urlencode(query)}"


async def page(
    request: Request,
    number: Annotated[int, Query(alias="_page", ge=1, le=MOST_PAGE, description="Which page, from 1.")] = 1,
    count: Annotated[int, Query(alias="_count", ge=1, le=MOST_COUNT, description="Items on a page.")] = MOST_COUNT,
) -> Paging:
    """The page that a request asks for; the rest of its query goes on into the links."""
    rest = tuple(
        (name, value) for name, value in request.query_params.multi_items() if name not in {"_page", "_count"}
    )
    return Paging(number, count, request.scope["path"], rest)


WantedPage = Annotated[Paging, Depends(page)]


class Links(Shown):
    """Relative links, without `/platform/v1`."""

    self_: str = Field(alias="self")
    next: str | None = None
    prev: str | None = None
    first: str
    last: str


class PageMeta(Shown):
    """Where in the list this page is."""

    currentPage: int
    pageType: str
    pageSize: int
    links: Links


class PagedMeta(Shown):
    """The envelope's `meta` of a list in pages."""

    version: str = "1.0.0"
    page: PageMeta
