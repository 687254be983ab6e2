"""How a command reaches the store: through the server that runs on the folder, else alone under the lock."""

import json
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waypost.cli.terminal.output import Failure, words
from waypost.folder import Folder

if TYPE_CHECKING:
    from waypost.settings import Settings

PATIENCE_SECONDS = 15
"""How long a command waits for a server that is starting or ending, or for another command."""


class NoServer(Exception):
    """No server listens on this folder's control socket."""


def settings(data: Path) -> "Settings":
    """The settings, with this folder. Raises Failure that names every setting at fault, one a line."""
    from waypost.settings import SettingsInvalid, load

    try:
        found = load(data=data)
    except SettingsInvalid as error:
        raise Failure(f"These settings cannot be used:\n{error}") from None
    if found.database_url is not None and not key_file_is_apart(found):
        raise Failure(
            "WAYPOST_MASTER_KEY_FILE: with PostgreSQL it must name a sealing key outside the data folder, the same"
            " one on every node."
        )
    return found


def key_file_is_apart(found: "Settings") -> bool:
    """Whether the sealing key file is outside the data folder."""
    key_file = found.master_key_file
    return key_file is not None and not key_file.resolve().is_relative_to(found.data.resolve())


def ready(found: "Settings") -> Folder:
    """The data folder. Raises Failure where nothing was set up; with PostgreSQL each node makes its own."""
    folder = Folder(found.data)
    if found.database_url is None:
        if not folder.database.exists():
            raise Failure(
                f"There is no Waypost data folder at {folder.path}. Make one: waypost init --data {folder.path}"
            )
    else:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def perform(data: Path, command: str, params: dict[str, Any]) -> dict[str, Any]:
    """Do one command of `acts.py` on the folder, and give its result. Raises Failure."""
    from waypost.db.lock import FolderInUse, FolderLock

    found = settings(data)
    folder = ready(found)
    lock = FolderLock(data)
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(NoServer):
            return ask(folder, command, params)
        try:
            lock.acquire()
            break
        except FolderInUse as error:
            if time.monotonic() > end:
                raise Failure(f"{error} It did not answer; try again.") from None
            time.sleep(0.1)
    try:
        return alone(found, command, params)
    finally:
        lock.release()


def ask(folder: Folder, command: str, params: dict[str, Any]) -> dict[str, Any]:
    """The running server's result. Raises NoServer, or Failure with the server's words."""
    path = folder.control
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path.readlink() if path.is_symlink() else path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoServer from None
        except OSError as error:
            if "too long" in str(error):  # and no link: no server made it
                raise NoServer from None
            raise
        connection.sendall(json.dumps({"command": command, "params": params}).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            said = answer.read()
    if not said:
        raise Failure("The server stopped before it answered; look whether the command took effect.")
    found: dict[str, Any] = json.loads(said)
    if "error" in found:
        raise Failure(str(found["error"]))
    result: dict[str, Any] = found["result"]
    return result


def alone(found: "Settings", command: str, params: dict[str, Any]) -> dict[str, Any]:
    """Do it in this process; whoever calls this holds the folder's lock."""
    import asyncio
    import logging

    from waypost import logging as log
    from waypost.app import opened
    from waypost.cli.control import acts

    async def run() -> dict[str, Any]:
        async with opened(found) as waypost:
            return await acts.perform(waypost, command, params)

    log.configure(logging.WARNING)
    try:
        return asyncio.run(run())
    except expected() as error:
        raise Failure(words(error)) from error


def expected() -> tuple[type[Exception], ...]:
    """What opening a folder may raise that is for the operator to mend."""
    from sqlalchemy.exc import DBAPIError

    from waypost.db.migrations.migrate import SchemaIsNewer
    from waypost.errors import WaypostError
    from waypost.folder import FolderMissing
    from waypost.vault.keyring import KeyFileInvalid

    return (DBAPIError, FolderMissing, KeyFileInvalid, SchemaIsNewer, WaypostError)
