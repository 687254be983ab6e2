"""Waypost from Python 3.11 or newer: get a token, send a message, change a destination, without packages.

    export WAYPOST_URL=http://127.0.0.1:8080 CLIENT_ID=… PRIVATE_KEY=private.pem KEY_ID=key-1
    python3 client.py send DESTINATION_ID
    python3 client.py change DESTINATION_ID NEW_ENDPOINT

Python's own library cannot sign with RSA, so that `openssl` does it; where `cryptography` is installed, use that.
"""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

URL = os.environ.get("WAYPOST_URL", "http://127.0.0.1:8080")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def access_token(client_id: str, key_file: str, key_id: str) -> str:
    """A token that holds for five minutes. Keep it that long: each one costs a signature."""
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": f"{URL}/v2/auth/token",
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid.uuid4()),
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed({"alg": "RS384", "kid": key_id}, claims, key_file),
    }
    with urllib.request.urlopen(f"{URL}/v2/auth/token", urllib.parse.urlencode(form).encode()) as answer:
        return str(json.load(answer)["access_token"])


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key_file: str) -> str:
    """A JWT, signed with RS384."""
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    command = ["openssl", "dgst", "-sha384", "-sign", key_file, "-binary"]
    signature = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    return f"{text}.{base64url(signature)}"


def base64url(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def call(
    token: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[Mapping[str, str], dict[str, Any]]:
    """Headers and body of the answer. Raises urllib.error.HTTPError for a refusal."""
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, sent, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.headers, json.load(answer)


def send(token: str, destination_id: str) -> str:
    """Send a message; the id of its log. It is on disk then, not yet delivered."""
    message = {
        "Meta": {
            "DataModel": "PatientAdmin",
            "EventType": "NewPatient",
            "EventDateTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "Test": True,
            "Destinations": [{"ID": destination_id}],
        },
        "Patient": {"Identifiers": [{"ID": "0000000001", "IDType": "MR"}]},
    }
    # The same key for the same message: if you have to send it again, no second message comes of it.
    key = {"Idempotency-Key": str(uuid.uuid4())}
    _, answer = call(token, "POST", "/endpoint", message, key)
    return str(answer["Meta"]["Logs"][0]["ID"])


def change(token: str, destination_id: str, endpoint: str) -> dict[str, Any]:
    """Give a destination a new endpoint. Whoever changes it between our GET and our PATCH is not overwritten."""
    path = f"/platform/v1/destinations/{destination_id}"
    while True:
        headers, _ = call(token, "GET", path)
        try:
            _, answer = call(token, "PATCH", path, {"endpoint": endpoint}, {"If-Match": headers["ETag"]})
        except urllib.error.HTTPError as error:
            if error.code != 412:
                raise
        else:
            return dict(answer["payload"]["destination"])


def main() -> None:
    """What the first argument names."""
    verb, *arguments = sys.argv[1:]
    token = access_token(
        os.environ["CLIENT_ID"], os.environ.get("PRIVATE_KEY", "private.pem"), os.environ.get("KEY_ID", "key-1")
    )
    try:
        print(send(token, *arguments) if verb == "send" else change(token, *arguments))
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode())


if __name__ == "__main__":
    main()
