"""`waypost backup`: a consistent copy of the store in one file."""

from pathlib import Path
from typing import Annotated

import typer

from waypost.cli.control import session
from waypost.cli.terminal.options import FOLDER, Data, Json
from waypost.cli.terminal.output import show


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """Write a consistent copy of the store while it is used; keys are not in it."""
    result = session.perform(data, "backup", {"file": str(file.absolute())})
    text = (
        f"The store as it was at {result['takenAt']} is in {result['file']}, {result['bytes']} bytes.",
        f"It needs the sealing keys {', '.join(result['keys'])}, which are not in it: keep their file elsewhere.",
    )
    show(result, as_json=as_json, text=text)
