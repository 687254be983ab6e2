"""From a destination to the port that speaks to it, or to the words for why there is none yet."""

from waypost.destinations.kinds.https import Endpoint
from waypost.destinations.kinds.kind import CloudKind, Port
from waypost.destinations.kinds.objects import ObjectStore
from waypost.destinations.model import Destination
from waypost.settings import Settings
from waypost.validation import check

NO_CREDENTIAL = "The destination has no auth credential, and nothing is sent to a cloud store without one."


def port(destination: Destination, token: str | None, operator: Settings) -> Port | str:
    """How to deliver to a destination, its verification token opened; or why that is not possible."""
    if destination.is_cloud:
        return store(destination, operator)
    if destination.endpoint is None:
        return "The destination has no endpoint yet."
    return Endpoint(
        url=destination.endpoint,
        token=token,
        bearer=destination.credential_id is None and destination.token_as_bearer,
        only_200=destination.success_status == "200",
        application_name=operator.application_name,
    )


def store(destination: Destination, operator: Settings) -> ObjectStore | str:
    """The object store of a cloud destination; or why nothing can be written to it."""
    kind = destination.kind
    if not isinstance(kind, CloudKind) or destination.cloud is None:
        return "This version of Waypost does not know the destination's kind."
    if destination.credential_id is None:
        return NO_CREDENTIAL
    given, faults = check(kind.settings, destination.cloud.get("settings"))
    if given is None:
        return f"The destination's cloud settings are no longer valid: {faults[0].pointer}."
    opened: ObjectStore = kind.open(operator, given)
    return opened
