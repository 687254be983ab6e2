"""The one literal table: every page of the dashboard, and the navigation. A new page is a file here and a line.

A page's file has its functions and a list of where they are, `PAGES`. Pages below one address share a folder of
its name, with their table in its `__init__.py`. A path that belongs to a line of the navigation without lying
below it is named in `also`. Which roles a line is offered to is what the service behind it asks for; who goes
there all the same is told so by the service.
"""

from waypost.access import OWNER_OR_ADMIN
from waypost.dashboard.navigation.links import Group, MenuItem
from waypost.dashboard.pages import (
    account,
    apikeys,
    credentials,
    destinations,
    egress,
    home,
    ledger,
    logs,
    notifications,
    organization,
    overview,
    queues,
    signing_in,
    sources,
    subscriptions,
)
from waypost.dashboard.visits.routes import Page

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    *overview.PAGES,
    *queues.PAGES,
    *logs.PAGES,
    *ledger.PAGES,
    *destinations.PAGES,
    *credentials.PAGES,
    *sources.PAGES,
    *subscriptions.PAGES,
    *apikeys.PAGES,
    *notifications.PAGES,
    *egress.PAGES,
    *organization.PAGES,
    *signing_in.PAGES,
    *account.PAGES,
)

_HERE = "/environments/{environment}"
_TENANT = "/organizations/{organization}"

NAVIGATION: tuple[Group, ...] = (
    Group(
        "Now",
        (
            MenuItem("Overview", _HERE, "overview"),
            MenuItem("Queues", f"{_HERE}/queues", "queues", also=("/queues/",)),
            MenuItem("Logs", f"{_HERE}/logs", "logs", also=("/logs/",)),
            MenuItem("Ledger", f"{_HERE}/ledger", "ledger"),
        ),
    ),
    Group(
        "Set-up",
        (
            MenuItem("Destinations", f"{_HERE}/destinations", "destinations", also=("/destinations/",)),
            MenuItem("Credentials", f"{_HERE}/credentials", "credentials", also=("/credentials/",)),
            MenuItem("Sources", f"{_HERE}/sources", "sources", also=("/sources/",)),
            MenuItem("Subscriptions", f"{_HERE}/subscriptions", "subscriptions", also=("/subscriptions/",)),
            MenuItem("API keys", f"{_HERE}/apikeys", "apikeys", also=("/apikeys/",)),
            MenuItem("Notifications", f"{_HERE}/notifications", "notifications"),
            MenuItem("Egress", f"{_HERE}/egress", "egress"),
        ),
    ),
    Group(
        "Organization",
        (
            MenuItem("Members", f"{_TENANT}/members", "members", organization_roles=OWNER_OR_ADMIN),
            MenuItem("Audit", f"{_TENANT}/audit", "audit", organization_roles=OWNER_OR_ADMIN),
        ),
    ),
)
