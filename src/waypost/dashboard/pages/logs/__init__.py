"""Pages below `/logs`, and replays: what became of each message, and sending it once more."""

from waypost.dashboard.pages.logs import listing, messages, one, replays
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *listing.PAGES,
    *messages.PAGES,
    *one.PAGES,
    *replays.PAGES,
)
