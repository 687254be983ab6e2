"""A real OAuth token server in a thread, which checks every request and misbehaves on command.

    with OAuthServer(Expected(client_id="id", client_secret="secret")) as oauth:
        oauth.url                    the token endpoint
        oauth.fetches                how many requests came; `oauth.requests` has them, taken apart
        oauth.faults                 what was wrong with those that were refused, in words
        oauth.accepts(headers)       whether a receiver should take these headers: a live token it gave
        oauth.expect(...)            other things are expected from now on, such as a rotated secret
        oauth.lifetime = 10          seconds that are said of a token (None: left out); also "10"
        oauth.refreshes = True       answers carry a refresh token; each is good once
        oauth.refuse(401, "word")    refuse the next requests (`times`, default all) with an OAuth error
        oauth.answer(200, b"...")    answer the next requests with exactly this
        oauth.stall() / oauth.go()   hold every request, and let them all go
        oauth.revoke()               no token or refresh token given so far is good any more
        oauth.now = clock.now_ms     the time in ms that assertions are checked by

`Expected` says how the client authenticates and what else the request has to carry, to the last parameter.
"""

import base64
import json
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Expected:
    """What a token request must look like. `parameters` are those beside grant, client and refresh token."""

    client_id: str | None = None
    client_secret: str | None = None
    basic: bool = True
    grant_type: str = "client_credentials"
    refresh_grant_type: str = "refresh_token"
    content_type: str = FORM
    parameters: dict[str, str] = field(default_factory=dict)
    on_refresh: dict[str, str] = field(default_factory=dict)
    grant_type_name: str = "grant_type"
    client_id_name: str = "client_id"
    client_secret_name: str = "client_secret"
    refresh_token_name: str = "refresh_token"
    access_token_name: str = "access_token"
    expires_name: str = "expires_in"
    assertion: "Assertion | None" = None


@dataclass(frozen=True)
class Assertion:
    """What a signed assertion must be. `keys` are public JWKs, or the address of a JWKS, which is fetched."""

    keys: list[dict[str, Any]] | str
    alg: str
    iss: str
    sub: str | None
    aud: str
    parameter: str = "client_assertion"
    more: dict[str, Any] = field(default_factory=dict)
    jku: str | None = None
    kid: str | None = None


@dataclass(frozen=True)
class TokenRequest:
    """One request, taken apart."""

    headers: dict[str, str]
    parameters: dict[str, str]
    basic: tuple[str, str] | None


class OAuthServer(AbstractContextManager["OAuthServer"]):
    """A token endpoint on loopback; see the top of the file."""

    def __init__(self, expected: Expected | None = None) -> None:
        self.expected = expected or Expected()
        self.now: Callable[[], float] = lambda: time.time() * 1000
        self.assertions: list[dict[str, Any]] = []
        self.lifetime: int | str | None = 300
        self.refreshes = False
        self.requests: list[TokenRequest] = []
        self.faults: list[str] = []
        self.issued: list[str] = []
        self._live: set[str] = set()
        self._refresh: set[str] = set()
        self._jtis: set[str] = set()
        self._scripted: tuple[int, bytes, int | None] | None = None
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._go.set()
        self._came = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/token"

    def __enter__(self) -> "OAuthServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._go.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def fetches(self) -> int:
        return len(self.requests)

    def expect(self, **changed: Any) -> None:
        with self._lock:
            self.expected = replace(self.expected, **changed)

    def refuse(self, status: int = 401, error: str = "invalid_client", *, times: int | None = None) -> None:
        self.answer(status, json.dumps({"error": error}).encode(), times=times)

    def answer(self, status: int, body: bytes, *, times: int | None = None) -> None:
        with self._lock:
            self._scripted = (status, body, times)

    def recover(self) -> None:
        with self._lock:
            self._scripted = None

    def stall(self) -> None:
        self._go.clear()

    def go(self) -> None:
        self._go.set()

    def revoke(self) -> None:
        with self._lock:
            self._live.clear()
            self._refresh.clear()

    def accepts(self, headers: dict[str, str]) -> bool:
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        with self._lock:
            return given.removeprefix("Bearer ") in self._live and given.startswith("Bearer ")

    def wait(self, fetches: int, seconds: float = 10) -> bool:
        """Wait until so many requests have come."""
        with self._came:
            return self._came.wait_for(lambda: self.fetches >= fetches, seconds)

    def called(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Answer a request to any path."""
        return self.take(headers, body)

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Answer one request; called by the server's threads."""
        request = TokenRequest(headers, _parameters(headers, body), _basic(headers))
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
        self._go.wait(60)
        with self._lock:
            scripted = self._script()
            if scripted is not None:
                return scripted
            fault = self._fault(request)
            if fault is not None:
                self.faults.append(fault)
                status, error = (401, "invalid_client") if fault == "client" else (400, "invalid_request")
                return status, json.dumps({"error": error, "error_description": fault}).encode()
            return 200, self._grant()

    def _script(self) -> tuple[int, bytes] | None:
        if self._scripted is None:
            return None
        status, body, times = self._scripted
        if times is not None:
            self._scripted = (status, body, times - 1) if times > 1 else None
        return status, body

    def _fault(self, request: TokenRequest) -> str | None:
        wanted, given = self.expected, dict(request.parameters)
        if request.headers.get("content-type") != wanted.content_type:
            return f"content type {request.headers.get('content-type')}"
        if wanted.assertion is not None:
            wrong = self._assertion_fault(wanted.assertion, given)
            if wrong is not None:
                return f"assertion: {wrong}"
        if not self._client_is_right(request, given):
            return "client"
        grant = given.pop(wanted.grant_type_name, None)
        refresh = given.pop(wanted.refresh_token_name, None)
        if refresh is not None:
            if refresh not in self._refresh:
                return "refresh token"
            self._refresh.discard(refresh)
            right, rest = wanted.refresh_grant_type, wanted.on_refresh
        else:
            right, rest = wanted.grant_type, wanted.parameters
        if grant != right:
            return f"grant {grant}"
        return None if given == rest else f"parameters {sorted(given)}, not {sorted(rest)}"

    def _client_is_right(self, request: TokenRequest, given: dict[str, str]) -> bool:
        wanted = self.expected
        if wanted.client_id is None:
            return request.basic is None
        if wanted.basic:
            return request.basic == (wanted.client_id, wanted.client_secret or "")
        in_form = (given.pop(wanted.client_id_name, None), given.pop(wanted.client_secret_name, None))
        return request.basic is None and in_form == (wanted.client_id, wanted.client_secret)

    def _assertion_fault(self, wanted: Assertion, given: dict[str, str]) -> str | None:
        """What is wrong with the assertion, to the last claim; a `jti` is good once."""
        text = given.pop(wanted.parameter, "")
        if wanted.parameter == "client_assertion" and given.pop("client_assertion_type", None) != ASSERTION_TYPE:
            return "type"
        try:
            header = json.loads(_decoded(text.split(".")[0]))
            key = _find(_fetched(wanted.keys), header["kid"])
            claims = jwt.decode(text, key, algorithms=[wanted.alg]).claims
        except (JoseError, ValueError, KeyError, OSError) as error:
            return f"unreadable: {type(error).__name__}"
        named = {"alg": wanted.alg, "typ": "JWT", "kid": wanted.kid or header["kid"]}
        if header != (named if wanted.jku is None else {**named, "jku": wanted.jku}):
            return f"header {sorted(header)}"
        iat, exp, jti = claims.pop("iat"), claims.pop("exp"), claims.pop("jti")
        if not (iat <= self.now() / 1000 < exp and exp - iat <= 300):
            return "time"
        if jti in self._jtis or len(jti) < 16:
            return "jti used before"
        self._jtis.add(jti)
        self.assertions.append({**claims, "jti": jti})
        expected = {"iss": wanted.iss, "aud": wanted.aud, **wanted.more}
        return None if claims == expected | ({"sub": wanted.sub} if wanted.sub else {}) else "claims"

    def _grant(self) -> bytes:
        number = len(self.issued) + 1
        token = f"token-{number}-of-{self.port}"
        self.issued.append(token)
        self._live.add(token)
        body: dict[str, Any] = {self.expected.access_token_name: token, "token_type": "Bearer"}
        if self.lifetime is not None:
            body[self.expected.expires_name] = self.lifetime
        if self.refreshes:
            refresh = f"refresh-{number}-of-{self.port}"
            self._refresh.add(refresh)
            body[self.expected.refresh_token_name] = refresh
        return json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def _handler(server: OAuthServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, out = server.called(self.path, headers, body)
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _fetched(keys: list[dict[str, Any]] | str) -> list[dict[str, Any]]:
    if not isinstance(keys, str):
        return keys
    with urllib.request.urlopen(keys, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["keys"]
        return found


def _find(keys: list[dict[str, Any]], kid: str) -> RSAKey | ECKey:
    jwk = {key["kid"]: key for key in keys}[kid]
    assert "d" not in jwk, "a private key was shown"
    kind: Any = {"RSA": RSAKey, "EC": ECKey}[jwk["kty"]]
    key: RSAKey | ECKey = kind.import_key(jwk)
    return key


def _parameters(headers: dict[str, str], body: bytes) -> dict[str, str]:
    if headers.get("content-type") == "application/json":
        found: dict[str, str] = json.loads(body)
        return found
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a parameter was sent twice"
    return dict(pairs)


def _basic(headers: dict[str, str]) -> tuple[str, str] | None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return None
    user, _, password = base64.b64decode(given).decode().partition(":")
    return unquote_plus(user), unquote_plus(password)
