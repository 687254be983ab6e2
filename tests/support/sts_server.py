"""Google's two token services in one: the exchange of RFC 8693, and impersonation of a service account.

with StsServer(Expected(…, assertion=Assertion(…, parameter="subject_token"))) as sts:
    sts.url                      the token exchange
    sts.impersonation_url        `…:generateAccessToken`
    sts.wanted = {…}             the JSON that impersonation must be asked with
    sts.accepts(headers)         whether a receiver should take these headers
"""

import json
from datetime import UTC, datetime
from typing import Any

from tests.support.oauth_server import Expected, OAuthServer

ACCOUNT = "/v1/projects/-/serviceAccounts/writer@project.iam.gserviceaccount.com:generateAccessToken"


class StsServer(OAuthServer):
    """See the top of the file."""

    def __init__(self, expected: Expected) -> None:
        super().__init__(expected)
        self.impersonation_url = self.url.replace("/token", ACCOUNT)
        self.wanted: dict[str, Any] = {}
        self.impersonated = 0

    def __enter__(self) -> "StsServer":
        super().__enter__()
        return self

    def called(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if path != ACCOUNT:
            return self.take(headers, body)
        if not self.accepts(headers):
            self.faults.append("impersonation: token")
            return 401, b'{"error": {"code": 401, "status": "UNAUTHENTICATED"}}'
        if headers.get("content-type") != "application/json" or json.loads(body) != self.wanted:
            self.faults.append("impersonation: body")
            return 400, b'{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}'
        self.impersonated += 1
        token = f"account-token-{self.impersonated}-of-{self.port}"
        self.issued.append(token)
        self._live.add(token)
        until = datetime.fromtimestamp(self.now() / 1000 + 3600, UTC)
        return 200, json.dumps({"accessToken": token, "expireTime": f"{until:%Y-%m-%dT%H:%M:%S}Z"}).encode()
