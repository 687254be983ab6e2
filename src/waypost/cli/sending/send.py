"""`waypost send`: message files to `/endpoint`, as a source would send them.

It needs neither the store nor the server's code. Of a file only `Meta.Source.ID` and `Meta.Destinations` are
replaced, where asked for; every other byte goes out as it is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli.keypairs import keyfiles
from waypost.cli.keypairs.keyfiles import KeyFile
from waypost.cli.sending.exchange import audience, exchange, fetch, server_url
from waypost.cli.sending.follow import follow
from waypost.cli.sending.remote import Remote, Reply
from waypost.cli.terminal.options import FOLDER, BaseUrl, Client, Data, Url
from waypost.cli.terminal.output import Failure
from waypost.folder import Folder
from waypost.messages import model
from waypost.messages.model import MessageInvalid


@dataclass(frozen=True, slots=True)
class Replaced:
    """What stands in for a file's own source and destinations; None and the empty tuple leave them."""

    source: str | None
    destinations: tuple[str, ...]


def send(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", show_default=False)],
    url: Url = None,
    client: Client = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="ID", help="Replaces Meta.Source.ID of each file.")
    ] = None,
    destination: Annotated[
        list[str] | None,
        typer.Option("--destination", metavar="ID", help="Replaces Meta.Destinations of each file; repeatable."),
    ] = None,
    follow_: Annotated[bool, typer.Option("--follow", help="Show each log until it ends.")] = False,
    data: Data = FOLDER,
    base_url: BaseUrl = None,
) -> None:
    """Send message files, in the order given. Ends with status 1 if any was refused."""
    replaced = Replaced(source, tuple(destination or ()))
    bodies = _bodies(files, replaced)
    folder = Folder(data)
    key = keyfiles.of_client(folder, client) if client else only_key(folder)
    server = server_url(folder, url, base_url)
    named = audience(folder, server, base_url)
    endpoint = Remote(server, lambda: exchange(server, key, named))
    log_ids, refused = _send(endpoint, files, bodies)
    if follow_ and log_ids:
        platform = Remote(server, lambda: fetch(data, url=url, base_url=base_url))
        refused += follow(platform, key.environmentId, log_ids)
    if refused:
        raise typer.Exit(1)


def with_ids(body: bytes, replaced: Replaced) -> bytes:
    """The message with these ids in its `Meta`, every byte outside `Meta` as it was. Raises MessageInvalid."""
    start, end = model.meta_span(body)
    if replaced == Replaced(None, ()):
        return body
    meta = json.loads(body[start:end])
    if not isinstance(meta, dict):
        raise MessageInvalid("Meta is not an object.")
    members: dict[str, Any] = {}
    if replaced.source is not None:
        before = meta.get("Source")
        members["Source"] = {**(before if isinstance(before, dict) else {}), "ID": replaced.source}
    if replaced.destinations:
        members["Destinations"] = [{"ID": number} for number in replaced.destinations]
    return model.with_meta(body, start, end, members)


def only_key(folder: Folder) -> KeyFile:
    """The folder's OAuth API key, where it holds exactly one. Raises Failure."""
    held = [keyfiles.of_client(folder, path.stem) for path in sorted(folder.keys.glob("*.json"))]
    found = [key for key in held if key.kind == "oauth"]
    if not found:
        raise Failure(
            f"The folder {folder.path} holds no OAuth API key. Make one: waypost apikeys add ENVIRONMENT_ID"
        )
    if len(found) > 1:
        names = "".join(f"\n{key.clientId} (environment {key.environmentId})" for key in found)
        raise Failure(f"The folder {folder.path} holds several OAuth API keys; name one with --client:{names}")
    return found[0]


def _bodies(files: Sequence[Path], replaced: Replaced) -> list[bytes]:
    """Every file's message; nothing is sent before all of them were read. Raises Failure that names each fault."""
    bodies, faults = [], []
    for file in files:
        try:
            bodies.append(with_ids(file.read_bytes(), replaced))
        except MessageInvalid as error:
            faults.append(f"{file}: {error} A file holds one message, a JSON object with Meta.")
        except OSError as error:
            faults.append(f"{file}: {error.strerror}.")
    if faults:
        raise Failure("\n".join(faults))
    return bodies


def _send(endpoint: Remote, files: Sequence[Path], bodies: Sequence[bytes]) -> tuple[list[str], int]:
    """Send all and say each answer; the ids of the logs, and how many were refused."""
    log_ids: list[str] = []
    refused = 0
    for file, body in zip(files, bodies, strict=True):
        answer = endpoint("POST", "/endpoint", body)
        if answer.status == 200:
            made = _log_ids(answer)
            log_ids += made
            print(f"{file}: accepted, log {', '.join(made)}", flush=True)
        else:
            refused += 1
            print(f"{file}: refused ({answer.status}): {answer.words}", flush=True)
    return log_ids, refused


def _log_ids(answer: Reply) -> list[str]:
    return [str(log["ID"]) for log in answer.json["Meta"]["Logs"]]
