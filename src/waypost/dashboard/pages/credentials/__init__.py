"""Pages below `/credentials`: how Waypost authenticates itself at destinations."""

from waypost.dashboard.pages.credentials import edit, listing, one
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *listing.PAGES,
    *edit.PAGES,
    *one.PAGES,
)
