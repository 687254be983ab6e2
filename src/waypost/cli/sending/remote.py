"""A running server as a client of its API sees it: JSON over one kept connection, with a token that is renewed."""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from waypost.cli.sending.exchange import connect
from waypost.cli.terminal.output import Failure


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said; `json` is None where that was not JSON."""

    status: int
    json: Any

    @property
    def words(self) -> str:
        """Why the server refused, in its own words."""
        found = self.json if isinstance(self.json, dict) else {}
        meta = found.get("Meta")
        errors = meta.get("Errors") if isinstance(meta, dict) else None
        if isinstance(errors, list):
            return " ".join(str(error.get("Text", "")) for error in errors if isinstance(error, dict))
        return str(found.get("detail") or found.get("title") or "no reason given")


class Remote:
    """Calls the server; `fetch_token` is asked for a bearer token, and again once that one has run out."""

    def __init__(self, server: str, fetch_token: Callable[[], str]) -> None:
        self._server = server
        self._fetch_token = fetch_token
        self._token = fetch_token()
        self._connection = connect(server)

    def __call__(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """The answer, whatever its status. Raises Failure where there is none."""
        answer = self._call(method, path, body)
        if answer.status == 401:
            self._token = self._fetch_token()
            answer = self._call(method, path, body)
        return answer

    def _call(self, method: str, path: str, body: bytes | None) -> Reply:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, urlsplit(self._server).path + path, body, headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Failure(f"No answer from {self._server} ({error or type(error).__name__}).") from None
        try:
            return Reply(answer.status, json.loads(said))
        except ValueError:
            return Reply(answer.status, None)
