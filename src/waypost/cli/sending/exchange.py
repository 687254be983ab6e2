"""The real exchange of a signed assertion for a bearer token, over HTTP.

It needs neither the store nor the server's code, so it starts fast and works against a server elsewhere.
"""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from waypost.cli.keypairs import keyfiles
from waypost.cli.keypairs.keyfiles import KeyFile
from waypost.cli.terminal.output import Failure
from waypost.folder import Folder

TIMEOUT_SECONDS = 30


def fetch(
    data: Path, *, url: str | None, user: str | None = None, client: str | None = None, base_url: str | None = None
) -> str:
    """A fresh bearer token for one of the folder's private keys. Raises Failure."""
    folder = Folder(data)
    key = keyfiles.of_client(folder, client) if client else keyfiles.of_user(folder, user)
    server = server_url(folder, url, base_url)
    return exchange(server, key, audience(folder, server, base_url))


def server_url(folder: Folder, url: str | None, base_url: str | None) -> str:
    """Where the server is: as told, by `WAYPOST_BASE_URL`, or as the one running here says. Raises Failure."""
    found = url or base_url or folder.running().get("url")
    if found is None:
        raise Failure(f"No server runs on {folder.path}; start one (waypost serve), or name it with --url.")
    if urlsplit(found).scheme not in {"http", "https"} or not urlsplit(found).hostname:
        raise Failure("--url takes an absolute http(s) URL.")
    return found.rstrip("/")


def audience(folder: Folder, server: str, base_url: str | None) -> str:
    """The `aud` that the server expects."""
    from waypost.tokens.assertion import PATH

    if base_url:
        return base_url.rstrip("/") + PATH
    return folder.running().get("audience") or server + PATH


def exchange(server: str, key: KeyFile, audience: str) -> str:
    """One exchange at that server. Raises Failure with the server's own words."""
    from waypost.tokens import assertion

    signed = assertion.assertion(key.privateKey, key.clientId, audience)
    status, answer = _post(server, urlencode(assertion.form(signed)))
    if status != 200:
        said = answer.get("error_description") or answer.get("detail") or "no reason given"
        raise Failure(f"The server answered {status} {answer.get('error', '')}: {said}{_hint(status, audience)}")
    return str(answer["access_token"])


def _hint(status: int, audience: str) -> str:
    return f" (the assertion's audience was {audience})" if status == 400 else ""


def _post(server: str, body: str) -> tuple[int, dict[str, Any]]:
    from waypost.tokens.assertion import PATH

    connection = connect(server)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    try:
        connection.request("POST", urlsplit(server).path + PATH, body, headers)
        answer = connection.getresponse()
        return answer.status, _object(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"No Waypost answers at {server} ({error or type(error).__name__}).") from None
    finally:
        connection.close()


def connect(server: str) -> http.client.HTTPConnection:
    """A connection to the server, past every ambient proxy."""
    parts = urlsplit(server)
    host = parts.hostname or ""
    if parts.scheme == "https":
        from waypost.egress import tls

        return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_SECONDS, context=tls.context())
    return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
