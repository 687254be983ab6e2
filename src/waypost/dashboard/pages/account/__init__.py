"""Pages below `/account`: the own account and its second factor."""

from waypost.dashboard.pages.account import own, second_factor
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *own.PAGES,
    *second_factor.PAGES,
)
