"""The one literal table: every page of the dashboard, and the navigation. A new page is a file here and a line.

A page's file has its functions and a list of where they are, `PAGES`. A path that belongs to a line of the
navigation without lying below it is named in `also`. Which roles a line is offered to is what the service behind
it asks for; who goes there all the same is told so by the service.
"""

from waypost.access import OWNER_OR_ADMIN
from waypost.dashboard.pages import (
    credential,
    credential_edit,
    credentials,
    destination,
    destination_acts,
    destination_edit,
    destination_rescue,
    destination_settings,
    destination_setup,
    destination_subscribe,
    destination_verify,
    destinations,
    home,
    ledger,
    log,
    logs,
    messages,
    overview,
    queue,
    queues,
    replays,
)
from waypost.dashboard.routes import Page
from waypost.dashboard.view import Entry, Group

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    *overview.PAGES,
    *destinations.PAGES,
    *destination_setup.PAGES,
    *destination.PAGES,
    *destination_edit.PAGES,
    *destination_settings.PAGES,
    *destination_verify.PAGES,
    *destination_acts.PAGES,
    *destination_subscribe.PAGES,
    *destination_rescue.PAGES,
    *credentials.PAGES,
    *credential_edit.PAGES,
    *credential.PAGES,
    *queues.PAGES,
    *queue.PAGES,
    *logs.PAGES,
    *messages.PAGES,
    *log.PAGES,
    *replays.PAGES,
    *ledger.PAGES,
)

_HERE = "/environments/{environment}"
_TENANT = "/organizations/{organization}"

NAVIGATION: tuple[Group, ...] = (
    Group(
        "Now",
        (
            Entry("Overview", _HERE, "overview"),
            Entry("Queues", f"{_HERE}/queues", "queues", also=("/queues/",)),
            Entry("Logs", f"{_HERE}/logs", "logs", also=("/logs/",)),
            Entry("Ledger", f"{_HERE}/ledger", "ledger"),
        ),
    ),
    Group(
        "Set-up",
        (
            Entry("Destinations", f"{_HERE}/destinations", "destinations", also=("/destinations/",)),
            Entry("Credentials", f"{_HERE}/credentials", "credentials", also=("/credentials/",)),
            Entry("Sources", f"{_HERE}/sources", "sources", also=("/sources/",)),
            Entry("Subscriptions", f"{_HERE}/subscriptions", "subscriptions", also=("/subscriptions/",)),
            Entry("API keys", f"{_HERE}/apikeys", "apikeys", also=("/apikeys/",)),
            Entry("Notifications", f"{_HERE}/notifications", "notifications"),
            Entry("Egress", f"{_HERE}/egress", "egress"),
        ),
    ),
    Group(
        "Organization",
        (
            Entry("Members", f"{_TENANT}/members", "members", organization_roles=OWNER_OR_ADMIN),
            Entry("Audit", f"{_TENANT}/audit", "audit", organization_roles=OWNER_OR_ADMIN),
        ),
    ),
)
