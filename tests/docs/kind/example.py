"""`example`/`folder`: a file a message in a folder of this machine: the example of a kind that is no HTTP.

No part of Waypost: `tests/docs/test_a_new_kind.py` adds it to a copy of the source, as CONTRIBUTING.md says.
"""

import asyncio
import json
import os
import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints

from waypost.credentials.sending import Carrier
from waypost.destinations.kinds.kind import CloudKind, Item, Probed, Refused, Taken
from waypost.destinations.kinds.naming import Prefix, name_of, probe_name
from waypost.validation import Body

Word = TypeVar("Word")


class ExampleFolderSettings(Body):
    """A folder of this machine (ours)."""

    folderName: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")] = Field(
        description="The folder, which must be there: 1 to 63 lower-case letters, digits and hyphens."
    )
    fileNamePrefix: Prefix = ""


class ExampleFolder:
    """A folder below `delivered` in the data folder."""

    def __init__(self, where: Path, given: ExampleFolderSettings) -> None:
        self._folder = where / "delivered" / given.folderName
        self._prefix = given.fileNamePrefix

    async def deliver(self, item: Item, carrier: Carrier) -> Taken | Refused:
        """Write the message's file; one that is there already may be it."""
        late = Refused(f"The folder did not take it within {carrier.timeout_seconds:g} s.")
        return await _within(carrier, lambda: self._write(item), late)

    async def probe(self, carrier: Carrier) -> Probed:
        """Write a small file and remove it."""
        name = probe_name(self._prefix, str(uuid.uuid4()))
        late = Probed(f"The folder did not take it within {carrier.timeout_seconds:g} s.", name=name)
        return await _within(carrier, lambda: self._try(name), late)

    def _write(self, item: Item) -> Taken | Refused:
        name = name_of(self._prefix, item)
        try:
            if self._put(self._folder / name, item.body) or _is(item, (self._folder / name).read_bytes()):
                return Taken()
        except OSError as error:
            return Refused(_trouble(error))
        return Refused(f"There is a file {name} already, which is not this message.")

    def _try(self, name: str) -> Probed:
        try:
            self._put(self._folder / name, b'{"probe":true}')
            (self._folder / name).unlink()
        except OSError as error:
            return Probed(f"No file could be written: {_trouble(error)}", name=name)
        return Probed(None, name=name)

    def _put(self, path: Path, body: bytes) -> bool:
        """A whole file, on disk, of a name that nothing has; False when something has it. Raises OSError."""
        with tempfile.NamedTemporaryFile(dir=self._folder) as part:
            part.write(body)
            part.flush()
            os.fsync(part.fileno())
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(part.name, path)
            except FileExistsError:
                return False
        for folder in path.relative_to(self._folder).parents:
            _sync(self._folder / folder)
        return True


@cache
def _threads() -> ThreadPoolExecutor:
    """Of this kind alone: a disk that hangs keeps them, and must keep nothing else."""
    return ThreadPoolExecutor(16, thread_name_prefix="example-folder")


async def _within(carrier: Carrier, work: Callable[[], Word], late: Word) -> Word:
    """The work in a thread, for as long as an attempt may take."""
    working = asyncio.get_running_loop().run_in_executor(_threads(), work)
    try:
        return await asyncio.wait_for(working, carrier.timeout_seconds)
    except TimeoutError:
        return late


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _is(item: Item, there: bytes) -> bool:
    """Whether what is there is the message, of this attempt or of one before."""
    try:
        return there == item.body or json.loads(there)["Meta"]["Logs"][0]["ID"] == item.log_id
    except (ValueError, LookupError, TypeError):
        return False


def _trouble(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "The folder does not exist: create it, or correct its name."
    return f"The folder does not take it ({os.strerror(error.errno or 0)})."


KIND = CloudKind(
    name="example/folder",
    title="A folder of this machine (ours)",
    about="A file for each message in a folder of the machine that Waypost runs on.",
    settings=ExampleFolderSettings,
    only=(),
    provider="example",
    product="folder",
    needs="Waypost writes below `delivered` in its data folder.",
    example={"folderName": "inbox", "fileNamePrefix": "ward/"},
    where="data",
    open=ExampleFolder,
)
