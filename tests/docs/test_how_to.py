"""The commands of docs/how-to, run as they stand there, against a real `waypost serve`.

Only what a reader puts in is replaced: addresses and ids.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mail import MailServer
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, Reply, Request, answer
from tests.support.shell import ROOT, commands, needs, run
from tests.support.waiting import until
from tests.support.waypost import Server, free_port, message, number_of

HOW_TO = ROOT / "docs" / "how-to"
CREDENTIAL = HOW_TO / "replace-a-failing-credential.md"
TOLD = HOW_TO / "be-told-when-a-queue-is-held.md"

pytestmark = needs("curl")


@pytest.fixture
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(Expected(client_id="client", client_secret="the-new-secret")) as made:
        yield made


class Night:
    """A destination whose queue holds three messages, and what the page's example ids stand for."""

    def __init__(self, server: Server, endpoint: str, credential: str | None = None) -> None:
        self.server = server
        attached = {"authCredential": credential} if credential else {}
        destination, source = server.destination(endpoint=endpoint, **attached), server.source()
        queue = server.subscribe(source, destination)["id"]
        client = server.client_id()
        for number in (1, 2, 3):
            assert server.send(client, message(destination, source, number)).status == 200
        self.path = f"/waypost/v1/queues/{queue}"
        until(lambda: self.state == "held", "the queue's first failure")
        self.destination_id = destination["id"]
        self.given = {
            "http://127.0.0.1:8080": server.url,
            "3f0a7f0e-4a0c-4b6e-9a55-0f6f4c1c2d10": server.environments["Development"],
            "01a208ca-dbc5-7a31-9d0e-4f3b6a0c9d27": queue,
            "497f6eca-6276-4993-bfeb-53cbbbba6f08": destination["id"],
        }

    @property
    def state(self) -> str:
        return str(self.server.call("GET", self.path).payload["queue"]["state"])

    def run(self, place: Path, *titles: str, **given: str) -> str:
        settings = self.server.environment | {"WAYPOST_DATA": str(self.server.data)}
        return run(commands(CREDENTIAL, API, *titles), place, self.given | given, settings)


def numbers(receiver: Receiver) -> list[int]:
    return [number_of(body) for body in receiver.bodies()]


PAGES = "In the dashboard"
"""Played in a browser by `tests/dashboard/test_browser_places.py`."""
API = "By the API"
FIND = "Find the queue and read the reason"
SECRET = "Give the credential its new secret"
MOVED = "Or: the receiver has moved"
DRAIN = "Watch it drain"
SKIP = "Or: one message is the trouble"
MORNING = "In the morning"


def test_a_new_secret_drains_the_queue(
    server: Server, receiver: Receiver, oauth: OAuthServer, tmp_path: Path
) -> None:
    body = {
        "name": "Token server", "environmentId": server.environments["Development"], "url": oauth.url,
        "grantType": "client_credentials", "clientId": "client", "clientSecret": "the-old-secret",
    }  # fmt: skip
    made = server.call("POST", "/platform/v1/authcredentials", body).payload["credential"]["id"]
    night = Night(server, receiver.url, made)

    said = night.run(
        tmp_path, FIND, SECRET, DRAIN, MORNING,
        **{"01a208ca-db10-7e4d-abba-296b4fa6b162": made},
    )  # fmt: skip

    reason = '"reason": "No authorization: token endpoint answered 401 (invalid_client)."'
    assert reason in said
    assert reason in CREDENTIAL.read_text()
    assert '"type": "auth-credential-updated"' in said
    assert numbers(receiver) == [1, 2, 3]


def test_a_receiver_that_has_moved_gets_what_waited(server: Server, receiver: Receiver, tmp_path: Path) -> None:
    night = Night(server, f"http://127.0.0.1:{free_port()}/")

    night.run(
        tmp_path, FIND, MOVED, DRAIN,
        **{"https://new-home.example.org/redox": receiver.url},
    )  # fmt: skip

    assert numbers(receiver) == [1, 2, 3]
    assert {request.headers["verification-token"] for request in receiver.requests} == {"a-new-token"}


def test_the_message_at_the_head_is_skipped_with_a_reason(
    server: Server, receiver: Receiver, tmp_path: Path
) -> None:
    def all_but_the_first(request: Request) -> Reply:
        return answer(422 if number_of(request.json) == 1 else 200)

    receiver.behave(all_but_the_first)
    night = Night(server, receiver.url)
    until(lambda: server.call("GET", night.path).payload["queue"]["head"]["attempts"] >= 2, "the first retry")
    head = server.call("GET", night.path).payload["queue"]["head"]["logId"]

    night.run(
        tmp_path, FIND, SKIP, DRAIN,
        **{"01a208cb-0f12-7c55-8c1e-2b7d9a3e6f40": head},
    )  # fmt: skip

    assert [number for number in numbers(receiver) if number != 1] == [2, 3]


def test_every_section_of_the_night_is_run_above() -> None:
    assert re.findall(r"^## (.+)$", CREDENTIAL.read_text(), re.MULTILINE) == [
        PAGES, API, FIND, SECRET, MOVED, DRAIN, SKIP, MORNING,
    ]  # fmt: skip


def test_somebody_is_told_of_held_queues(server: Server, receiver: Receiver, tmp_path: Path) -> None:
    settings = server.environment | {"WAYPOST_DATA": str(server.data)}
    with MailServer() as mail:
        given = {
            "http://127.0.0.1:8080": server.url,
            "3f0a7f0e-4a0c-4b6e-9a55-0f6f4c1c2d10": server.environments["Development"],
            "https://hooks.example.org/waypost": receiver.url,
            '"host": "mail.example.org", "port": 587, "security": "starttls"':
                f'"host": "127.0.0.1", "port": {mail.port}, "security": "none"',
            '"username": "waypost", "password": "the-password",': "",
        }  # fmt: skip

        said = run(commands(TOLD), tmp_path, given, settings)

        assert said.count('"sent": true') == 2
        assert '"notices": []' in said
        assert len(mail.mails) == len(receiver.requests) == 1
    assert "webhook-signature" in receiver.requests[0].headers
