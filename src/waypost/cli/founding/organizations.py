"""`waypost organizations …`: tenants."""

from typing import Annotated

import typer

from waypost.cli.control import session
from waypost.cli.terminal.options import FOLDER, Data, Json
from waypost.cli.terminal.output import show

organizations = typer.Typer(no_args_is_help=True)


@organizations.callback()
def _several() -> None:
    """Organizations: add."""


@organizations.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """Add an organization with a Development, a Staging and a Production environment."""
    result = session.perform(data, "organizations add", {"name": name})
    made = result["organization"]
    text = [f"Organization {made['id']}, {made['name']}:"]
    text += [f"  {flag:<12} {number}" for flag, number in result["environments"].items()]
    text.append(f"Give it an owner: waypost users add EMAIL --organization {made['id']} --org-role owner")
    show(result, as_json=as_json, text=text)
