"""`waypost keys …`: the sealing key."""

import typer

from waypost.cli.control import session
from waypost.cli.terminal.options import FOLDER, Data, Json
from waypost.cli.terminal.output import show

keys = typer.Typer(no_args_is_help=True)


@keys.callback()
def _several() -> None:
    """The sealing key: rotate."""


@keys.command("rotate")
def rotate(data: Data = FOLDER, as_json: Json = False) -> None:
    """Make a new sealing key and wrap every data key under it; the old ones stay in the key file."""
    result = session.perform(data, "keys rotate", {})
    text = [
        f"The sealing key is {result['key']} now; {result['dataKeys']} data keys were wrapped under it.",
        f"The keys before it, {result['previous']} last, stay in the key file. Keep a copy of it elsewhere.",
    ]
    if result["lostDataKeys"]:
        text.append(
            f"{result['lostDataKeys']} data keys do not open, their sealing key is lost: see `waypost check`."
        )
    show(result, as_json=as_json, text=text)
