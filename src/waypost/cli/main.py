"""The `waypost` command: every command by name, and the one place that turns expected faults into a line."""

import os
from typing import Annotated

import typer

from waypost import __version__
from waypost.cli.clients.apikeys import apikeys
from waypost.cli.clients.users import users
from waypost.cli.founding.init import init
from waypost.cli.founding.organizations import organizations
from waypost.cli.sending.send import send
from waypost.cli.sending.token import token
from waypost.cli.serving.serve import serve
from waypost.cli.terminal.output import Failure, refuse
from waypost.cli.upkeep.backup import backup
from waypost.cli.upkeep.check import check
from waypost.cli.upkeep.keys import keys
from waypost.cli.upkeep.quotas import quotas
from waypost.cli.upkeep.restore import restore
from waypost.errors import WaypostError

app = typer.Typer(
    name="waypost",
    help="A self-hosted destination platform for healthcare data that speaks the Redox Platform API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a rendered traceback would show local variables
)
app.command()(init)
app.command()(serve)
app.command()(token)
app.command()(send)
app.add_typer(users, name="users", help="Users: add, invite, list, remove; their keys and sessions.")
app.add_typer(organizations, name="organizations", help="Organizations: add.")
app.add_typer(apikeys, name="apikeys", help="API keys of an environment: add.")
app.add_typer(quotas, name="quotas", help="What one environment may take: set, list.")
app.add_typer(keys, name="keys", help="The sealing key: rotate.")
app.command()(backup)
app.command()(restore)
app.command()(check)


def _version(asked: bool) -> None:
    if asked:
        print(f"waypost {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version)] = False,
) -> None:
    """Options before the command; the help is the application's."""


def main() -> None:
    """Run the command line. Expected faults end with one clear line and status 1, wrong usage with 2."""
    os.umask(0o077)
    try:
        app()
    except (Failure, WaypostError, OSError) as error:
        refuse(error)
