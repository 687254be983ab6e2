"""A real OpenID provider on loopback, which checks everything it is sent, and lies on command.

with IdentityProvider("waypost", "the-secret") as provider:
    provider.issuer              what WAYPOST_OIDC_ISSUER is set to
    back = provider.visit(url)   what a browser does there: the parameters that it is sent back with
    provider.person              the claims about whoever signs in, `email_verified` among them
    provider.claims              claims of the id token that are other than they should be (None: left out)
    provider.said                members of the discovery document that are other than they should be
    provider.signs_with          another key than the one it publishes; `provider.algorithm` likewise
    provider.faults              what was wrong with the requests that were refused, in words
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey

PERSON = {"sub": "person-1", "email": "ann@clinic.test", "email_verified": True}
ASKED = {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge"}


class IdentityProvider(AbstractContextManager["IdentityProvider"]):
    """See the top of the file. Without a secret the client is public."""

    def __init__(self, client_id: str, secret: str | None, *, callback: str) -> None:
        self.client_id = client_id
        self.secret = secret
        self.callback = callback
        self.now: Callable[[], float] = time.time
        self.person: dict[str, Any] = dict(PERSON)
        self.claims: dict[str, Any] = {}
        self.said: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.key = ECKey.generate_key("P-256", {"kid": "key-1", "use": "sig", "alg": "ES256"})
        self.signs_with: Key = self.key
        self.algorithm = "ES256"
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}/realm"

    def __enter__(self) -> "IdentityProvider":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def visit(self, url: str) -> dict[str, str]:
        """Sign in there, as `person`; what the browser is sent back to the callback with."""
        asked = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        assert url.startswith(f"{self.issuer}/authorize?")
        assert ASKED | {"code_challenge_method"} == set(asked)
        assert (asked["response_type"], asked["client_id"]) == ("code", self.client_id)
        assert (asked["redirect_uri"], asked["code_challenge_method"]) == (self.callback, "S256")
        assert {"openid", "email"} <= set(asked["scope"].split())
        code = secrets.token_urlsafe(12)
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def get(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        """Answer a GET."""
        self.requests.append(path)
        match path.removeprefix("/realm"):
            case "/.well-known/openid-configuration":
                return 200, self._metadata()
            case "/jwks":
                return 200, {"keys": [self.key.as_dict(private=False)]}
            case "/userinfo" if self.userinfo is not None:
                known = headers.get("authorization") == "Bearer the-access-token"
                return (200, self.userinfo) if known else (401, {"error": "invalid_token"})
        return 404, {"error": "not_found"}

    def token(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, Any]:
        """Answer a token request, each part of which has to be right; a code is good once."""
        self.requests.append("/token")
        asked = self._codes.pop(form.get("code", ""), None)
        fault = self._fault(headers, form, asked)
        if fault is not None or asked is None:
            self.faults.append(fault or "code")
            return 400, {"error": "invalid_client" if fault == "client" else "invalid_grant"}
        now = int(self.now())
        claims = {
            "iss": self.issuer, "aud": self.client_id, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            **self.person, **self.claims,
        }  # fmt: skip
        told = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "key-1"}
        id_token = jwt.encode(header, told, self.signs_with, algorithms=[self.algorithm])
        return 200, {"access_token": "the-access-token", "token_type": "Bearer", "id_token": id_token}

    def _fault(self, headers: dict[str, str], form: dict[str, str], asked: dict[str, str] | None) -> str | None:
        if not self._is_our_client(headers, form):
            return "client"
        if asked is None:
            return "code"
        if form.get("grant_type") != "authorization_code" or form.get("redirect_uri") != asked["redirect_uri"]:
            return "request"
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        return (
            None if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"] else "pkce"
        )

    def _is_our_client(self, headers: dict[str, str], form: dict[str, str]) -> bool:
        given = headers.get("authorization")
        if self.secret is None:
            return given is None and (form.get("client_id"), form.get("client_secret")) == (self.client_id, None)
        if "client_secret_post" in self.said.get("token_endpoint_auth_methods_supported", ()):
            found = (form.get("client_id"), form.get("client_secret"))
            return given is None and found == (self.client_id, self.secret)
        scheme, _, text = (given or "").partition(" ")
        name, _, secret = base64.b64decode(text).decode().partition(":")
        known = (unquote_plus(name), unquote_plus(secret)) == (self.client_id, self.secret)
        return scheme == "Basic" and known and "client_secret" not in form

    def _metadata(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }
        if self.userinfo is not None:
            said["userinfo_endpoint"] = f"{self.issuer}/userinfo"
        return said | self.said


def shared_key(secret: str) -> OctKey:
    """A key that is no secret of the provider's: what a forger tries to sign with."""
    return OctKey.import_key(secret.encode())


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(*provider.get(self.path, self._headers()))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            assert self.headers.get("content-type") == "application/x-www-form-urlencoded"
            self._answer(*provider.token(self._headers(), dict(parse_qsl(body, strict_parsing=True))))

        def _headers(self) -> dict[str, str]:
            return {name.lower(): value for name, value in self.headers.items()}

        def _answer(self, status: int, said: Any) -> None:
            out = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
