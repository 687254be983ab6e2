"""`waypost init`: a new data folder with an organization, its environments and its first user.

The store is built under another name and moved to its place last, so that a folder either is set up or can be
set up again.
"""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.control import session
from waypost.cli.keypairs import publickeys
from waypost.cli.terminal.options import FOLDER, Data, Json
from waypost.cli.terminal.output import Failure, show, words
from waypost.folder import KEYS, STRANGERS, Folder, sync
from waypost.ids import random_id

if TYPE_CHECKING:
    from waypost.cli.founding.plan import SetupPlan
    from waypost.cli.founding.setup import Owner
    from waypost.db.database import Tx
    from waypost.settings import Settings

OWNER = "owner@example.org"
ORGANIZATION = "My organization"
STAGE = ".init"
OURS = STRANGERS | {KEYS, STAGE}
"""What an empty folder may hold: leftovers of an `init` that was cut short, too."""


def init(
    data: Data = FOLDER,
    as_json: Json = False,
    owner_jwks: Annotated[
        str | None,
        typer.Option(
            "--owner-jwks", metavar="FILE|URL", help="The first user's public keys; none is made here then."
        ),
    ] = None,
    from_: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="Fixed ids and public keys (docs/reference/init-from.md); repeatable."
        ),
    ] = None,
    email: Annotated[str, typer.Option("--email", metavar="EMAIL", help="The first user.")] = OWNER,
    organization: Annotated[str, typer.Option("--organization", metavar="NAME")] = ORGANIZATION,
) -> None:
    """Make a data folder with an organization, three environments and a first user."""
    from waypost.cli.founding.plan import read
    from waypost.cli.founding.setup import Owner
    from waypost.db.lock import FolderInUse, FolderLock

    plan = read(from_ or [])
    if plan.users and (owner_jwks or email != OWNER):
        raise typer.BadParameter("--owner-jwks and --email are for a first user that no --from file names.")
    keys = publickeys.Keys() if plan.users else publickeys.given_or_new(owner_jwks)
    found = session.settings(data)
    folder = Folder(data)
    _claim(folder)
    lock = FolderLock(data)
    try:
        lock.acquire()
    except FolderInUse as error:
        raise Failure(str(error)) from None
    try:
        _must_be_new(folder)  # another init may have ended meanwhile
        result = _build(folder, found, plan, Owner(email, organization, random_id(), keys))
    finally:
        lock.release()
    show(result, as_json=as_json, text=_text(data, result))


def _claim(folder: Folder) -> None:
    """Make the folder, or take an empty one. Raises Failure."""
    _must_be_new(folder)
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    others = sorted({each.name for each in folder.path.iterdir()} - OURS)
    if others:
        raise Failure(f"{folder.path} is not empty (it holds {others[0]}); name a folder of its own.")
    folder.path.chmod(0o700)


def _must_be_new(folder: Folder) -> None:
    if folder.database.exists():
        raise Failure(f"{folder.path} holds a Waypost database already; init does not overwrite it.")


def _build(folder: Folder, found: "Settings", plan: "SetupPlan", owner: "Owner") -> dict[str, Any]:
    """Everything in the folder; the database comes last. Raises Failure."""
    import asyncio
    import logging

    from waypost import logging as log
    from waypost.db.migrations import migrate
    from waypost.vault import keyring

    log.configure(logging.WARNING)
    stage = Folder(folder.path / STAGE)
    shutil.rmtree(stage.path, ignore_errors=True)
    stage.path.mkdir(mode=0o700)
    sealing_key = found.key_file
    try:
        if not sealing_key.exists():
            keyring.create(sealing_key)
        staged = found.model_copy(update={"data": stage.path, "master_key_file": sealing_key})
        if found.database_url is None:
            migrate.upgrade(stage.database)
        result = asyncio.run(_fill(staged, folder, plan, owner))
        if found.database_url is None:
            os.replace(stage.database, folder.database)
        sync(folder.path)
    except session.expected() as error:
        raise Failure(words(error)) from error
    finally:
        shutil.rmtree(stage.path, ignore_errors=True)
    return result


async def _fill(staged: "Settings", folder: Folder, plan: "SetupPlan", owner: "Owner") -> dict[str, Any]:
    """The first rows, in one transaction; the file of a private key is there before the store knows the key."""
    from waypost.app import opened
    from waypost.cli.founding import setup
    from waypost.environments import store as environments

    async with opened(staged, new=True) as waypost:

        def fill(tx: "Tx") -> dict[str, Any]:
            if environments.list_organizations(tx):
                raise Failure("Waypost is set up in this database already; init does not overwrite it.")
            result = setup.fill(tx, waypost, plan, owner)
            if owner.keys.pair is not None:
                user = (result["user"]["id"], result["user"]["email"])
                result["apiKey"] = publickeys.shown(folder, owner.keys, owner.client_id, user=user)
            return result

        return await waypost.ground.db.write(fill)


def _text(data: Path, result: dict[str, Any]) -> list[str]:
    key = result["apiKey"]
    lines = [
        f"Waypost is set up in {data}.",
        f"Organization {result['organization']['id']}, {result['organization']['name']}",
    ]
    lines += [f"  {name:<12} {number}" for name, number in result["environments"].items()]
    lines.append(f"User {result['user']['id']}, {result['user']['email']}, with the API key {key['clientId']}")
    if key["privateKeyFile"]:
        lines.append(f"Private key: {key['privateKeyFile']}")
    lines.append(f"Start the server: waypost serve --data {data}")
    return [*lines, f"Sign in to the dashboard: waypost users invite {result['user']['email']} --data {data}"]
