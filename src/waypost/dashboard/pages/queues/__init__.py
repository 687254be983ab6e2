"""Pages below `/queues`: what waits, and why."""

from waypost.dashboard.pages.queues import listing, one
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *listing.PAGES,
    *one.PAGES,
)
