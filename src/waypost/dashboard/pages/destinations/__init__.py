"""Pages below `/destinations`: where messages go, from the first step of the set-up to the end."""

from waypost.dashboard.pages.destinations import (
    acts,
    edit,
    listing,
    one,
    replace_credential,
    settings,
    setup,
    subscribe,
    verify,
)
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *listing.PAGES,
    *setup.PAGES,
    *one.PAGES,
    *edit.PAGES,
    *settings.PAGES,
    *verify.PAGES,
    *acts.PAGES,
    *subscribe.PAGES,
    *replace_credential.PAGES,
)
