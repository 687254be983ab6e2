"""The first rows of a store: what the documents of `init --from` fix, and the usual things for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from waypost.access import Caller, EnvironmentRole, OrganizationRole, operator
from waypost.apikeys import store as apikeys
from waypost.apikeys.model import ApiKey, ApiKeyCreate
from waypost.apikeys.service import OAUTH_KEY_CREATED
from waypost.app import Waypost
from waypost.audit import store as audit
from waypost.cli.founding.plan import FIRST, FixedApiKey, FixedOrganization, FixedUser, SetupPlan
from waypost.cli.keypairs import publickeys
from waypost.cli.terminal.output import Failure, words
from waypost.db.database import Tx
from waypost.environments import founding
from waypost.environments import store as environments
from waypost.environments.store import Environment, Organization
from waypost.errors import WaypostError
from waypost.quotas import service as quotas
from waypost.users.model import Added, NewUser, PublicKeys
from waypost.users.service import put
from waypost.validation import checked

CALLER = operator("init")


@dataclass(frozen=True, slots=True)
class Owner:
    """The first user, and the name of the organization, where no document fixes them."""

    email: str
    organization: str
    client_id: str
    keys: publickeys.Keys


def fill(tx: Tx, waypost: Waypost, plan: SetupPlan, owner: Owner) -> dict[str, Any]:
    """Insert everything; the first organization, user and key as `init` shows them. Raises Failure, Invalid."""
    now = waypost.ground.clock.now_ms()
    usual = {"id": FIRST, "name": owner.organization}
    organizations = plan.organizations or [checked(FixedOrganization, usual)]
    for organization in organizations:
        _organization(tx, organization, plan, now)
    first = organizations[0]
    inside = environments.list_of(tx, first.id)
    news = [_fixed(user) for user in plan.users] or [_owner(owner, first.id, inside)]
    users = [_user(tx, CALLER, new, now) for new in news]
    for key in plan.apikeys:
        _api_key(tx, waypost, key, now)
    user, known = users[0].user, users[0].key
    keys = publickeys.Keys(known.keys.jwks_url, dict(known.keys.jwk_set or {}) or None)
    return {
        **founding.shown(Organization(first.id, first.name), inside),
        "user": {"id": user.id, "email": user.email},
        "apiKey": publickeys.of_elsewhere(keys, known.client_id),
    }


def _organization(tx: Tx, fixed: FixedOrganization, plan: SetupPlan, now_ms: int) -> None:
    fixed_here = [one for one in plan.environments if one.organization == fixed.id]
    inside = [Environment(one.id, fixed.id, one.name, one.environmentFlag) for one in fixed_here]
    made = Organization(fixed.id, fixed.name)
    founding.found(tx, CALLER, made, inside or founding.usual_environments(fixed.id), now_ms)
    for one, environment in zip(fixed_here, inside, strict=True):
        if one.quotas is not None:
            quotas.put(tx, CALLER, environment, one.quotas, now_ms)


def _fixed(user: FixedUser) -> NewUser:
    return NewUser(
        email=user.email,
        organization_id=user.organization,
        keys=PublicKeys(user.apiKey.jwksURL, user.apiKey.jwkSet),
        name=user.name,
        organization_role=user.organizationRole,
        environment_roles=user.environmentRoles,
        key_name=user.apiKey.name,
        user_id=user.id,
        client_id=user.apiKey.clientId,
    )


def _owner(owner: Owner, organization_id: int, inside: Sequence[Environment]) -> NewUser:
    return NewUser(
        email=owner.email,
        organization_id=organization_id,
        keys=PublicKeys(owner.keys.jwks_url, owner.keys.jwk_set),
        organization_role=OrganizationRole.owner,
        environment_roles={one.id: EnvironmentRole.engineer for one in inside},
        client_id=owner.client_id,
    )


def _user(tx: Tx, caller: Caller, new: NewUser, now_ms: int) -> Added:
    try:
        return put(tx, caller, new, now_ms)
    except WaypostError as error:
        raise Failure(f"The user {new.email} cannot be made: {words(error)}") from None


def _api_key(tx: Tx, waypost: Waypost, fixed: FixedApiKey, now_ms: int) -> None:
    environment = environments.get(tx, fixed.environment)
    https_only = not environment.is_development
    body = {"name": fixed.name, "jwksURL": fixed.jwksURL, "jwkSet": fixed.jwkSet}
    try:
        checked(
            ApiKeyCreate,
            body,
            context=lambda url: waypost.ground.policy.fault(url, https_only=https_only, pointer="/jwksURL"),
        )
    except WaypostError as error:
        raise Failure(f"The API key {fixed.clientId} cannot be made: {words(error)}") from None
    key = ApiKey(fixed.clientId, environment.id, environment.flag, fixed.name, fixed.jwksURL, fixed.jwkSet)
    apikeys.insert(tx, key, now_ms)
    audit.record(
        tx, CALLER, OAUTH_KEY_CREATED,
        organization_id=environment.organization_id, environment_id=environment.id,
        details={"id": key.id, "after": key.audited()}, now_ms=now_ms,
    )  # fmt: skip
