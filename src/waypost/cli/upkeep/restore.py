"""`waypost restore`: an empty folder, set up from a backup."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from waypost.cli.control import session
from waypost.cli.terminal.options import FOLDER, Data, Json
from waypost.cli.terminal.output import Failure, show, words


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="F", help="The sealing key file that the backup needs.")
    ] = None,
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """Set up an empty folder from a backup."""
    from waypost.upkeep import restoring

    found = session.settings(data)
    try:
        result = restoring.restore(file, found, key_file, _tell)
    except session.expected() as error:
        raise Failure(words(error)) from error
    text = (
        f"The store as it was at {result['takenAt']} is in {result['data']}.",
        "Private keys of users are in no backup; make a new one: waypost users keys add EMAIL",
    )
    show(result, as_json=as_json, text=text)


def _tell(table: str, rows: int) -> None:
    print(f"{table}: {rows} rows", file=sys.stderr)
