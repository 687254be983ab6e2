"""One credential: its fields without the secrets, its public key, who uses it, and its end."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.credentials.model import NOUN, Credential
from waypost.credentials.strategies import keys
from waypost.credentials.strategies.strategy import Strategy
from waypost.dashboard.html import declared
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations import store as destinations
from waypost.errors import Conflict, WaypostError

PATH = "/credentials/{credential_id}"
MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """The public half of a credential's key and where it is served; or why there is none."""

    jwk: dict[str, Any] | None
    address: str
    trouble: str = ""


async def show(visit: Visit) -> Response:
    """The page."""
    found = await visit.services.credentials.get(visit.caller, visit.path("credential_id"))
    return await _shown(visit, found)


async def delete(visit: Visit) -> Response:
    """Remove it; while destinations use it, say which."""
    found = await visit.services.credentials.get(visit.caller, visit.path("credential_id"))
    try:
        await visit.services.credentials.delete(visit.caller, found.id)
    except Conflict:
        words = "It is not deleted: the destinations below use it. Give them another credential first."
        return await _shown(visit, found, refusal=words, status=409)
    list_ = f"{HOME}/environments/{found.environment_id}/credentials"
    return visit.redirect(list_, f"The credential {found.name} is deleted.")


async def to_change(visit: Visit) -> Credential:
    """The credential of the address. Raises NotFound, and Forbidden unless the user is an engineer there."""
    found = await visit.services.credentials.get(visit.caller, visit.path("credential_id"))
    require_environment(visit.caller, found.environment_id, ENGINEER, NOUN)
    return found


async def proof(visit: Visit, found: Credential, strategy: Strategy[Any]) -> PublicHalf | None:
    """What the other side needs to check our signatures; None where the strategy signs nothing by a key."""
    if not strategy.keyed:
        return None
    address = visit.services.address()
    where = f"{address}/waypost/v1/credentials/{found.id}" if address else ""
    if keys.FIELD not in found.secrets:
        return PublicHalf(None, where, "There is no key.")
    try:
        return PublicHalf(await visit.services.credentials.public_key(found.id), where)
    except WaypostError as error:
        return PublicHalf(None, where, error.detail)


async def _shown(visit: Visit, found: Credential, *, refusal: str = "", status: int = 200) -> Response:
    strategy = visit.services.credentials.strategies[found.strategy]
    users = await visit.services.db.read(lambda tx: destinations.using(tx, found.id, count=MOST_NAMED + 1))
    drawn = declared.of_credential(visit.services.credentials.strategies, found)
    return await visit.page(
        "credentials/one.html",
        at=found.environment_id,
        status=status,
        credential=found,
        about=declared.about(strategy),
        fields=[each for each in drawn if each.is_secret or each.field in found.settings],
        proof=await proof(visit, found, strategy),
        users=users[:MOST_NAMED],
        has_more=len(users) > MOST_NAMED,
        refusal=refusal,
    )


PAGES = [get(PATH, show), post(f"{PATH}/delete", delete)]
