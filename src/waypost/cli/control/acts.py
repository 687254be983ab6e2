"""What the writing commands do to an opened Waypost: one function a command, from plain values to plain values.

They run in the server while one runs on the folder (`socket.py`), else in the command's own process.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from waypost.access import Caller, EnvironmentRole, OrganizationRole, operator
from waypost.app import Waypost
from waypost.cli.terminal.output import Failure, words
from waypost.clock import iso
from waypost.db.database import Tx
from waypost.environments import founding
from waypost.environments import store as environments
from waypost.environments.store import Environment, Organization
from waypost.errors import NotFound, WaypostError
from waypost.folder import Folder
from waypost.quotas.model import listed
from waypost.users.model import NewUser, PublicKeys
from waypost.validation import Body, Line, checked

USUAL = "http://127.0.0.1:8080"
"""Where `waypost serve` listens unless it is told otherwise."""

Params = dict[str, Any]
Act = Callable[[Waypost, Params], Awaitable[dict[str, Any]]]


async def perform(waypost: Waypost, command: str, params: Params) -> dict[str, Any]:
    """Run a command by name. Raises Failure with words for whoever typed it."""
    act = ACTS.get(command)
    if act is None:
        raise Failure(f"The running server does not know `{command}`; restart it with this version of Waypost.")
    try:
        return await act(waypost, params)
    except (WaypostError, OSError) as error:
        raise Failure(words(error)) from error


class NewOrganization(Body):
    """What `organizations add` is given."""

    name: Line


async def add_organization(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`name` → the organization and its three environments."""
    name = checked(NewOrganization, params).name

    def add(tx: Tx) -> tuple[Organization, list[Environment]]:
        number = max((one.id for one in environments.list_organizations(tx)), default=0) + 1
        organization, made = Organization(number, name), founding.usual_environments(number)
        founding.found(tx, operator("organizations add"), organization, made, waypost.ground.clock.now_ms())
        return organization, made

    return founding.shown(*await waypost.ground.db.write(add))


async def add_user(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`email`, `name`, `organization`, its role, `environmentRoles`, key → the user and the client id."""
    roles = {name: EnvironmentRole(role) for name, role in params["environmentRoles"].items()}
    new = NewUser(
        email=params["email"],
        organization_id=params["organization"]
        or await waypost.ground.db.read(lambda tx: _organization_of(tx, list(roles))),
        keys=_keys(params),
        name=params["name"],
        organization_role=OrganizationRole(params["organizationRole"]),
        environment_roles=roles,
        client_id=params["clientId"],
    )
    added = await waypost.people.users.add(operator("users add"), new)
    return {
        "user": {"id": added.user.id, "email": added.user.email},
        "apiKey": {"clientId": added.key.client_id},
    }


async def list_users(waypost: Waypost, _: Params) -> dict[str, Any]:
    """Everybody, with roles and the client ids of live keys."""
    caller = operator("users list")
    return {
        "users": [
            {
                "id": member.user.id,
                "email": member.user.email,
                "name": member.user.name,
                "organizations": {str(number): role.value for number, role in member.organizations.items()},
                "environments": {name: role.value for name, role in member.environments.items()},
                "apiKeys": await _live_keys(waypost, caller, member.user.id),
            }
            for member in await waypost.people.users.list_all(caller)
        ]
    }


async def remove_user(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`email`, `organization` (or null for all) → the user, and the client ids that ended with that."""
    caller = operator("users remove")
    user = (await waypost.people.users.find(caller, params["email"])).user
    before = await _live_keys(waypost, caller, user.id)
    await waypost.people.users.remove(caller, user.id, organization_id=params["organization"])
    after = await _live_keys(waypost, caller, user.id)
    return {"user": {"id": user.id, "email": user.email}, "revoked": [key for key in before if key not in after]}


async def add_user_key(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`email`, `name`, key → the user and the client id."""
    caller = operator("users keys add")
    user = (await waypost.people.users.find(caller, params["email"])).user
    key = await waypost.people.users.add_key(
        caller, user.id, params["name"], _keys(params), client_id=params["clientId"]
    )
    return {"user": {"id": user.id, "email": user.email}, "apiKey": {"clientId": key.client_id}}


async def revoke_user_key(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`clientId` → the same."""
    await waypost.people.users.revoke_key(operator("users keys revoke"), params["clientId"])
    return {"apiKey": {"clientId": params["clientId"]}}


async def invite_user(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`email`, `resetSecondFactor` → the user and the link that sets their password."""
    caller = operator("users invite")
    made = await waypost.people.invitations.invite(
        caller, params["email"], drops_factor=params["resetSecondFactor"]
    )
    invitation = {"url": _home(waypost) + made.path, "expiresAt": iso(made.expires_at_ms)}
    return {"user": {"id": made.user_id, "email": made.email}, "invitation": invitation}


async def end_sessions(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`email` → the user, and how many sessions ended."""
    caller = operator("users sessions end")
    user = (await waypost.people.users.find(caller, params["email"])).user
    ended = await waypost.people.sessions.sign_out_everywhere(caller, user.id)
    return {"user": {"id": user.id, "email": user.email}, "ended": ended}


async def add_api_key(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`environment`, `name`, `publicKey` → the client id."""
    caller = operator("apikeys add")
    key = await waypost.people.apikeys.add(caller, params["environment"], params["name"], params["publicKey"])
    return {"apiKey": {"clientId": key.id}}


async def add_legacy_key(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`environment`, `name` → key and secret; the secret is nowhere else."""
    caller = operator("apikeys add --legacy")
    key, secret = await waypost.people.apikeys.add_legacy(caller, params["environment"], params["name"])
    return {"apiKey": {"key": key, "secret": secret}}


async def set_quotas(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`environment`, `quotas` with those that change → all of them."""
    changed = await waypost.engine.quotas.change(operator("quotas set"), params["environment"], params["quotas"])
    return {"quotas": changed.shown()}


async def list_quotas(waypost: Waypost, _: Params) -> dict[str, Any]:
    """The environments that have quotas."""
    return listed(await waypost.engine.quotas.every())


async def rotate_keys(waypost: Waypost, _: Params) -> dict[str, Any]:
    """The new sealing key's id, the one before, and how many data keys were wrapped."""
    return await waypost.engine.upkeep.rotate_keys()


async def backup(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`file` → the file, its size and the ids of the sealing keys that it needs."""
    return await waypost.engine.upkeep.backup(Path(params["file"]))


async def check(waypost: Waypost, _: Params) -> dict[str, Any]:
    """Whether all holds, what does not, and how much was looked at."""
    return await waypost.engine.upkeep.check()


ACTS: dict[str, Act] = {
    "organizations add": add_organization,
    "users add": add_user,
    "users list": list_users,
    "users remove": remove_user,
    "users invite": invite_user,
    "users sessions end": end_sessions,
    "users keys add": add_user_key,
    "users keys revoke": revoke_user_key,
    "apikeys add": add_api_key,
    "apikeys add --legacy": add_legacy_key,
    "quotas set": set_quotas,
    "quotas list": list_quotas,
    "keys rotate": rotate_keys,
    "backup": backup,
    "check": check,
}


def _home(waypost: Waypost) -> str:
    """Where a browser finds this server, as far as that is known here."""
    running = Folder(waypost.ground.settings.data).running().get("url")
    return waypost.ground.whereabouts.address() or running or USUAL


def _keys(params: Params) -> PublicKeys:
    return PublicKeys(params["jwksURL"], params["jwkSet"])


def _organization_of(tx: Tx, environment_ids: list[str]) -> int:
    """The organization that is meant where none is named: the environments', or the first one."""
    if environment_ids:
        return environments.get(tx, environment_ids[0]).organization_id
    known = environments.list_organizations(tx)
    if not known:
        raise NotFound("organization")
    return known[0].id


async def _live_keys(waypost: Waypost, caller: Caller, user_id: int) -> list[str]:
    keys = await waypost.people.users.keys(caller, user_id)
    return [key.client_id for key in keys if key.revoked_at is None]
