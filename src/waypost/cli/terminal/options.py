"""Options that several commands take, said once."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path, typer.Option("--data", metavar="DIR", envvar="WAYPOST_DATA", help="The data folder.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object alone.")]
Name = Annotated[str | None, typer.Option("--name", metavar="N", help="A name for people.")]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="The server; by default the one that runs on the folder."),
]
Client = Annotated[
    str | None, typer.Option("--client", metavar="CLIENT_ID", help="An OAuth API key whose private key is here.")
]
User = Annotated[
    str | None, typer.Option("--user", metavar="EMAIL", help="A user; by default the first one whose key is here.")
]
BaseUrl = Annotated[str | None, typer.Option("--base-url", envvar="WAYPOST_BASE_URL", hidden=True)]
"""How clients reach the server: names the audience of a token. Only the environment sets it."""

FOLDER = Path("waypost-data")
