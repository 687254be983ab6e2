"""A search for logs as a form in the address: its fields, the service's own body, and the links that repeat it."""

from collections.abc import Mapping

from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import Form, FormState
from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.errors import Fault
from waypost.logs.search import MetadataSearch
from waypost.sources import store as sources
from waypost.validation import check

MOST_CHOICES = 200

NAMES = (
    "status",
    "dataModel",
    "eventType",
    "sourceId",
    "destinationId",
    "createdAfter",
    "createdBefore",
    "updatedAfter",
    "updatedBefore",
    "facilityCode",
    "type",
    "serviceRegion",
    "dataMode",
)
"""Every field of the documented filter."""
SELDOM = ("updatedAfter", "updatedBefore", "facilityCode", "type", "serviceRegion", "dataMode")
"""Those that a page shows when they are asked for."""


def asked(given: Mapping[str, str]) -> dict[str, str]:
    """What was filled in."""
    return {name: given[name].strip() for name in NAMES if given.get(name, "").strip()}


def body(given: Mapping[str, str]) -> dict[str, str]:
    """The body that the service takes."""
    form = Form({name: [value] for name, value in given.items()})
    return forms.body(form, *(forms.optional(name) for name in NAMES))


def checked(given: Mapping[str, str]) -> tuple[MetadataSearch, FormState]:
    """The search, and what its form shows; with a fault in it, the search for everything."""
    found, faults = check(MetadataSearch, body(given))
    return found or MetadataSearch(), state(given, faults)


def state(given: Mapping[str, str], faults: list[Fault]) -> FormState:
    """What the form shows."""
    return FormState(dict(given), faults, "This search cannot be made." if faults else "")


def choices(tx: Tx, environment_id: str) -> dict[str, list[tuple[str, str]] | None]:
    """Sources and destinations to choose from; None where there are too many, and an id must be given."""
    found = {
        "sources": [(each.id, each.name) for each in sources.list_of(tx, environment_id)],
        "destinations": destinations.named(tx, environment_id, MOST_CHOICES + 1),
    }
    return {name: each if len(each) <= MOST_CHOICES else None for name, each in found.items()}
