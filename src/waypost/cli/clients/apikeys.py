"""`waypost apikeys …`: keys with which the sources of an environment send."""

from typing import Annotated

import typer

from waypost.cli.control import session
from waypost.cli.keypairs import keyfiles, publickeys
from waypost.cli.terminal.options import FOLDER, Data, Json, Name
from waypost.cli.terminal.output import show
from waypost.folder import Folder

apikeys = typer.Typer(no_args_is_help=True)


@apikeys.callback()
def _several() -> None:
    """API keys of an environment: add."""


@apikeys.command("add")
def add(
    environment_id: Annotated[str, typer.Argument(metavar="ENVIRONMENT_ID", show_default=False)],
    name: Name = None,
    legacy: Annotated[bool, typer.Option("--legacy", help="A key with a secret, which is shown once.")] = False,
    data: Data = FOLDER,
    as_json: Json = False,
) -> None:
    """Add an OAuth API key with a fresh key pair, or a legacy key."""
    params = {"environment": environment_id, "name": name or "command line"}
    if legacy:
        result = session.perform(data, "apikeys add --legacy", params)
        text = [
            f"Key:    {result['apiKey']['key']}",
            f"Secret: {result['apiKey']['secret']} (it is not shown again)",
        ]
        show(result, as_json=as_json, text=text)
        return
    pair = keyfiles.new_pair()
    result = session.perform(data, "apikeys add", {**params, "publicKey": pair.jwks["keys"][0]})
    made = publickeys.Keys(jwk_set=pair.jwks, pair=pair)
    key = publickeys.shown(Folder(data), made, result["apiKey"]["clientId"], environment=environment_id)
    del key["alg"]
    show(
        {"apiKey": key},
        as_json=as_json,
        text=(f"API key {key['clientId']}", f"Private key: {key['privateKeyFile']}"),
    )
