"""Pages for those who are not signed in yet."""

from waypost.dashboard.pages.signing_in import invitations, provider, sign_in
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *sign_in.PAGES,
    *provider.PAGES,
    *invitations.PAGES,
)
