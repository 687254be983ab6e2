"""`waypost token`: a bearer token on the terminal."""

import typer

from waypost.cli.sending.exchange import fetch
from waypost.cli.terminal.options import FOLDER, BaseUrl, Client, Data, Url, User


def token(
    url: Url = None, user: User = None, client: Client = None, data: Data = FOLDER, base_url: BaseUrl = None
) -> None:
    """Print a bearer token: a user's (by default the first one's), or that of an OAuth API key."""
    if user and client:
        raise typer.BadParameter("Name either --user or --client.")
    print(fetch(data, url=url, user=user, client=client, base_url=base_url))
