"""A receiver of deliveries: answers the handshake, checks token and signature, takes each message once.

    export VERIFICATION_TOKEN=… SIGNING_SECRET=whsec_…
    python3 receive.py 9000

Python 3.11 or newer, without packages. Put something that speaks TLS in front of it.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = os.environ["VERIFICATION_TOKEN"]
KEY = base64.b64decode(os.environ["SIGNING_SECRET"][len("whsec_") :])
OLDEST_SECONDS = 300

database = sqlite3.connect(os.environ.get("DATABASE", "messages.sqlite3"))
database.execute("CREATE TABLE IF NOT EXISTS message (log_id TEXT PRIMARY KEY, body TEXT NOT NULL)")


def is_signed(headers: Message, body: bytes) -> bool:
    """Whether one of the signatures is by our secret, over these very bytes, and not old."""
    id_, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > OLDEST_SECONDS:
        return False
    digest = hmac.new(KEY, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    ours = "v1," + base64.b64encode(digest).decode()
    return any(same(ours, theirs) for theirs in headers.get("webhook-signature", "").split())


def same(ours: str, theirs: str) -> bool:
    """Compare without telling by the time it takes how much of it was right."""
    return hmac.compare_digest(ours.encode(), theirs.encode())


def take(message: dict[str, Any]) -> bool:
    """Keep the message, once: its log id and its effect are in one transaction. False for a repeat."""
    with database:
        row = (message["Meta"]["Logs"][0]["ID"], json.dumps(message))
        return database.execute("INSERT OR IGNORE INTO message VALUES (?, ?)", row).rowcount == 1


class Receiver(BaseHTTPRequestHandler):
    """What Waypost calls."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The handshake, when it is done by GET."""
        self.handshake(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        """The handshake, or a delivery."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body)
        if "challenge" in message:
            self.handshake(message)
        elif not same(TOKEN, self.headers.get("verification-token", "")) or not is_signed(self.headers, body):
            self.answer(401, "not from Waypost, or not for us")
        else:
            print("taken" if take(message) else "seen before", message["Meta"]["Logs"][0]["ID"], flush=True)
            self.answer(200, "")  # for a repeat, too: anything else would hold the queue

    def handshake(self, sent: Mapping[str, str]) -> None:
        """Give the challenge back to whoever knows the token."""
        if same(TOKEN, sent.get("verification-token", "")):
            self.answer(200, sent.get("challenge", ""))
        else:
            self.answer(401, "")

    def answer(self, status: int, text: str) -> None:
        """Answer in plain text."""
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing: paths and queries do not belong in a log."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
