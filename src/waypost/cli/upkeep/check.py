"""`waypost check`: knowing that the store is whole."""

from typing import Any

import typer

from waypost.cli.control import session
from waypost.cli.terminal.options import FOLDER, Data, Json
from waypost.cli.terminal.output import show


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
