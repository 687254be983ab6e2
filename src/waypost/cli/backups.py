"""`waypost backup`, `restore` and `check`: keeping the data and knowing that it is whole."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import session
from waypost.cli.options import FOLDER, Data, Json
from waypost.cli.output import Failure, show, words


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


def check(data: Data = FOLDER, as_json: Json = False) -> None:
    """Verify the store: integrity, the ledger recounted, every secret opens, the audit chain holds."""
    result = session.perform(data, "check", {})
    show(result, as_json=as_json, text=_found(result))
    if not result["ok"]:
        raise typer.Exit(1)


def _found(result: dict[str, Any]) -> list[str]:
    looked_at = ", ".join(f"{number} {name}" for name, number in result["checked"].items())
    if result["ok"]:
        return ["Everything holds.", f"Looked at: {looked_at}."]
    return [
        *(f"{finding['area']}: {finding['detail']}" for finding in result["findings"]),
        f"Looked at: {looked_at}.",
    ]
