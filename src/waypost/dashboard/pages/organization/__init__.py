"""Pages below `/organizations`: who belongs to one, and what they did."""

from waypost.dashboard.pages.organization import audit, members
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *members.PAGES,
    *audit.PAGES,
)
