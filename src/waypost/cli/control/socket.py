"""The control socket: while a server runs on a folder, writing commands are done by it, not beside it.

One JSON request and one JSON answer per connection, on a Unix socket that only the folder's owner can reach
(0600, in the 0700 folder): `{"command": "users add", "params": {…}}` gives `{"result": {…}}` or
`{"error": "…"}`.
"""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from waypost.cli.terminal.output import Failure
from waypost.folder import Folder

LONGEST_PATH = 100  # bytes; macOS allows 103, Linux 107
MOST_BYTES = 4_000_000
PATIENCE_SECONDS = 5
"""How long a server that ends waits for commands at work."""

log = structlog.get_logger("waypost.control")

Perform = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Does a command by name. Raises Failure with words for whoever asked."""


@asynccontextmanager
async def listening(folder: Folder, perform: Perform) -> AsyncIterator[None]:
    """Answer on the folder's control socket; whoever calls this holds the folder's lock."""
    at_work: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(await _answer(reader, perform))
            await writer.drain()
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(answer(reader, writer))
        at_work.add(task)
        task.add_done_callback(at_work.discard)

    path = folder.control
    _remove(path)
    place = _place(path)
    server = await asyncio.start_unix_server(accept, path=place)
    os.chmod(place, 0o600)
    try:
        yield
    finally:
        server.close()
        _remove(path)
        if at_work:
            await asyncio.wait(at_work, timeout=PATIENCE_SECONDS)


async def _answer(reader: asyncio.StreamReader, perform: Perform) -> bytes:
    try:
        request = json.loads(await _read(reader))
        return json.dumps({"result": await perform(request["command"], request["params"])}).encode()
    except Failure as error:
        return json.dumps({"error": str(error)}).encode()
    except Exception as error:  # a boundary like the one of HTTP requests: the server goes on
        log.error("command.failed", exc_info=error)
        return json.dumps({"error": "A fault of ours; the server's log has it."}).encode()


async def _read(reader: asyncio.StreamReader) -> bytes:
    said = bytearray()
    while chunk := await reader.read(65536):
        said += chunk
        if len(said) > MOST_BYTES:
            raise Failure("The request is too long.")
    return bytes(said)


def _place(path: Path) -> str:
    """Where to bind: the path itself, or behind it as a link when it is too long for a Unix socket."""
    if len(os.fsencode(path.absolute())) <= LONGEST_PATH:
        return str(path)
    elsewhere = Path(tempfile.mkdtemp(prefix="waypost-"), path.name)  # 0700
    path.symlink_to(elsewhere)
    return str(elsewhere)


def _remove(path: Path) -> None:
    """Take away the socket of a server that is gone, with the folder made for it."""
    if path.is_symlink() and path.readlink().parent.name.startswith("waypost-"):
        shutil.rmtree(path.readlink().parent, ignore_errors=True)
    path.unlink(missing_ok=True)
