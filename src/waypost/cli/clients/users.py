"""`waypost users …`: who may sign in, with which roles and keys."""

from typing import Annotated, Any

import typer

from waypost.access import EnvironmentRole, OrganizationRole
from waypost.cli.control import session
from waypost.cli.keypairs import keyfiles, publickeys
from waypost.cli.terminal.options import FOLDER, Data, Json, Name
from waypost.cli.terminal.output import show
from waypost.folder import Folder
from waypost.ids import random_id

users = typer.Typer(no_args_is_help=True)
keys = typer.Typer(no_args_is_help=True)
sessions = typer.Typer(no_args_is_help=True)
users.add_typer(keys, name="keys", help="User-level API keys: add, revoke.")
users.add_typer(sessions, name="sessions", help="Sessions in the dashboard: end.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", show_default=False)]
Jwks = Annotated[
    str | None,
    typer.Option("--jwks", metavar="FILE|URL", help="Public keys made elsewhere; none is made here then."),
]
OrganizationNumber = Annotated[
    int | None, typer.Option("--organization", metavar="ID", help="By default that of the environments.")
]


@users.command("add")
def add(
    email: Email,
    name: Name = None,
    org_role: Annotated[OrganizationRole, typer.Option("--org-role")] = OrganizationRole.member,
    env_role: Annotated[
        list[str] | None,
        typer.Option("--env-role", metavar="ENVIRONMENT_ID=ROLE", help="engineer, support or viewer; repeatable."),
    ] = None,
    organization: OrganizationNumber = None,
    jwks: Jwks = None,
    invite: Annotated[
        bool, typer.Option("--invite", help="Print a link as well that sets the user's password.")
    ] = False,
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """Add a user with a user-level API key."""
    roles = dict(_role(given) for given in env_role or ())
    made = publickeys.given_or_new(jwks)
    result = session.perform(
        data,
        "users add",
        {
            "email": email,
            "name": name or "",
            "organization": organization,
            "organizationRole": org_role.value,
            "environmentRoles": roles,
            "clientId": random_id(),
            **made.params,
        },
    )
    if invite:
        params = {"email": result["user"]["email"], "resetSecondFactor": False}
        result |= session.perform(data, "users invite", params)
    _show_key(Folder(data), made, result, as_json=as_json)


@users.command("invite")
def invite(
    email: Email,
    reset_second_factor: Annotated[
        bool,
        typer.Option("--reset-second-factor", help="The link takes the second factor away, too."),
    ] = False,
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """Make a link that sets a user's password for the dashboard, once, within 72 hours."""
    params = {"email": email, "resetSecondFactor": reset_second_factor}
    result = session.perform(data, "users invite", params)
    show(result, as_json=as_json, text=_invitation(result))


@users.command("list")
def list_(data: Data = FOLDER, as_json: Json = False) -> None:
    """List users with their roles and keys."""
    result = session.perform(data, "users list", {})
    show(result, as_json=as_json, text=(line for user in result["users"] for line in _lines(user)))


@users.command("remove")
def remove(
    email: Email, organization: OrganizationNumber = None, data: Data = FOLDER, as_json: Json = False
) -> None:
    """Take a user out of an organization, or of all; with the last one their keys end."""
    result = session.perform(data, "users remove", {"email": email, "organization": organization})
    keyfiles.drop(Folder(data), result["revoked"])
    show(result, as_json=as_json, text=(f"Removed {result['user']['email']}.",))


@sessions.command("end")
def end_sessions(email: Email, data: Data = FOLDER, as_json: Json = False) -> None:
    """Sign a user out of the dashboard, everywhere."""
    result = session.perform(data, "users sessions end", {"email": email})
    text = f"Ended {result['ended']} sessions of {result['user']['email']}."
    show(result, as_json=as_json, text=(text,))


@keys.command("add")
def add_key(
    email: Email, name: Name = None, jwks: Jwks = None, data: Data = FOLDER, as_json: Json = False
) -> None:
    """Add a further key for a user."""
    made = publickeys.given_or_new(jwks)
    params = {"email": email, "name": name or "", "clientId": random_id(), **made.params}
    result = session.perform(data, "users keys add", params)
    _show_key(Folder(data), made, result, as_json=as_json)


@keys.command("revoke")
def revoke_key(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", show_default=False)],
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """End a key: it gives no more tokens, and those it gave hold no longer."""
    result = session.perform(data, "users keys revoke", {"clientId": client_id})
    keyfiles.drop(Folder(data), [client_id])
    show(result, as_json=as_json, text=(f"Revoked {client_id}.",))


def _role(given: str) -> tuple[str, str]:
    environment_id, _, role = given.partition("=")
    known: list[str] = [one.value for one in EnvironmentRole]
    if role not in known:
        raise typer.BadParameter(f"--env-role takes ENVIRONMENT_ID={'|'.join(known)}.")
    return environment_id, role


def _show_key(folder: Folder, made: publickeys.Keys, result: dict[str, Any], *, as_json: bool) -> None:
    user = result["user"]
    key = publickeys.shown(folder, made, result["apiKey"]["clientId"], user=(user["id"], user["email"]))
    text = [f"User {user['id']}, {user['email']}, has the API key {key['clientId']}."]
    if key["privateKeyFile"]:
        text.append(f"Private key: {key['privateKeyFile']}")
    shown = {"user": user, "apiKey": key}
    if "invitation" in result:
        shown["invitation"] = result["invitation"]
        text += _invitation(result)
    show(shown, as_json=as_json, text=text)


def _invitation(result: dict[str, Any]) -> list[str]:
    email, invitation = result["user"]["email"], result["invitation"]
    return [f"{email} sets a password at this address, until {invitation['expiresAt']}:", invitation["url"]]


def _lines(user: dict[str, Any]) -> list[str]:
    return [
        f"{user['id']}  {user['email']}  {user['name']}",
        *(f"   organization {number}: {role}" for number, role in user["organizations"].items()),
        *(f"   environment {name}: {role}" for name, role in user["environments"].items()),
        *(f"   API key {client_id}" for client_id in user["apiKeys"]),
    ]
