"""The demo's own outside world: an OAuth token server and receivers that check what it gave out. Real HTTP."""

import base64
import binascii
import http.server
import json
import secrets
import threading
import time
from email.message import Message
from urllib.parse import parse_qs, unquote_plus

from waypost.demo.verdict import Got

TOKEN_SECONDS = 3600


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class HttpServer:
    """Answers POST requests on a free loopback port, in a thread, until it is closed."""

    path = "/"

    def __init__(self) -> None:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # one packet an answer

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer = outer.answer(self.headers, body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing: the demo tells its own story."""

        self._listener = _Listener(("127.0.0.1", 0), Handler)
        self.port = int(self._listener.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}{self.path}"
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def answer(self, headers: Message, body: bytes) -> tuple[int, bytes]:
        """Status and body for a request."""
        raise NotImplementedError

    def close(self) -> None:
        """Take no more requests."""
        self._listener.shutdown()
        self._listener.server_close()


class TokenServer(HttpServer):
    """An authorization server for the client-credentials grant (RFC 6749, 4.4)."""

    path = "/oauth/token"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        super().__init__()

    def register(self, client_id: str) -> str:
        """A new client's secret."""
        with self._lock:
            self._secrets[client_id] = secrets.token_urlsafe(24)
            return self._secrets[client_id]

    def revoke(self, client_id: str) -> None:
        """Forget the client's secret, and every token that it was given."""
        with self._lock:
            del self._secrets[client_id]
            self._tokens = {token: owner for token, owner in self._tokens.items() if owner != client_id}

    def owner(self, token: str) -> str | None:
        """The client that the token was given to, while it holds."""
        with self._lock:
            return self._tokens.get(token)

    def answer(self, headers: Message, body: bytes) -> tuple[int, bytes]:
        """A token for whoever knows a client's secret."""
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        client_id, secret = _basic(headers) or (form.get("client_id", ""), form.get("client_secret", ""))
        with self._lock:
            known = self._secrets.get(client_id)
            if known is None or not secrets.compare_digest(known.encode(), secret.encode()):
                return 401, b'{"error":"invalid_client"}'
            if form.get("grant_type") != "client_credentials":
                return 400, b'{"error":"unsupported_grant_type"}'
            token = secrets.token_urlsafe(24)
            self._tokens[token] = client_id
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        return 200, json.dumps(answer).encode()


class Receiver(HttpServer):
    """A destination's endpoint: takes what comes with the right credential and verification token."""

    path = "/redox"

    def __init__(self, name: str, tokens: TokenServer, client_id: str, verification_token: str) -> None:
        self.name = name
        self.refused = 0
        self.got: list[Got] = []
        self.client_id = client_id
        self.verification_token = verification_token
        self._tokens = tokens
        self._lock = threading.Lock()
        super().__init__()

    def answer(self, headers: Message, body: bytes) -> tuple[int, bytes]:
        """200 for a message with the right credential, 401 without."""
        with self._lock:
            if not self._knows(headers):
                self.refused += 1
                return 401, b"{}"
            log_id = json.loads(body)["Meta"]["Logs"][0]["ID"]
            self.got.append(Got(time.monotonic(), log_id, int(headers["waypost-sequence"]), body))
            return 200, b"{}"

    def _knows(self, headers: Message) -> bool:
        bearer = (headers["authorization"] or "").removeprefix("Bearer ")
        return (
            self._tokens.owner(bearer) == self.client_id
            and headers["verification-token"] == self.verification_token
        )


def _basic(headers: Message) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic, as RFC 6749 2.3.1 writes them."""
    scheme, _, value = (headers["authorization"] or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(client_id), unquote_plus(secret)
