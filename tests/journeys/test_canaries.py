"""Secrets and message content, planted everywhere a house has them, turn up nowhere they do not belong.

A real server on a real folder: deliveries that succeed, fail in every way and repeat what they were sent; requests
that are wrong; searches and views. Then everything it said, logged, measured, recorded and wrote to disk is
searched, raw, percent-encoded, in hex and in base64. A new credential strategy is planted by a line in `PLANTED`.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.support.authority import Authority
from tests.support.canaries import canary, leaks, spellings
from tests.support.guest import SIGN_IN, Guest
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, Reply, Request, answer, garbage, hang_up, reset
from tests.support.serving import Answer, Client
from tests.support.waiting import until
from tests.support.waypost import Server, message
from waypost.credentials.strategies import STRATEGIES, keys

PLANTED: Mapping[str, tuple[str, ...]] = {
    "OAuth_2.0_2-legged": ("clientSecret", "password"),
    "SMART_Backend": ("password", "privateKey"),
    "AwsSigv4": ("secretKey", "sessionToken"),
    "GoogleWIF": ("privateKey",),
    "AzureSharedKey": ("accountKey",),
    "AzureSAS": ("sasToken",),
    "GoogleServiceAccount": ("private_key",),
    "JWT_Bearer": ("privateKey",),
    "Basic": ("password",),
    "Header": ("headerValue",),
}
"""The secrets of each strategy; `plant_credentials` makes one with a canary in each."""

POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/waypost"
KEYS = {"sealing.key", "keys"}
"""Where keys lie in the clear on purpose: the sealing key, and the private keys that the command line made."""


class Story:
    """The server, what was planted, and everything that was answered to those who may not see it."""

    def __init__(self, server: Server, receiver: Receiver, oauth: OAuthServer, place: Path) -> None:
        self.server = server
        self.receiver = receiver
        self.oauth = oauth
        self.place = place
        self.planted = {name: canary(name) for name in ("token", "body", "patient", "second-token", "answer")}
        self.said: list[bytes] = []

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        found = self.server.call(method, path, body, **more)
        self.said.append(repr(found.headers).encode() + found.body)
        return found

    def plant_credentials(self) -> str:
        """A credential of every strategy with a canary for each secret; the id of the one that is used."""
        self.planted |= {name: canary(name) for name in PLANTED["OAuth_2.0_2-legged"]}
        self.oauth.expect(client_id="a", client_secret=self.planted["clientSecret"])
        environment = self.server.environments["Development"]
        body = {
            "organization": self.server.made["organization"]["id"], "name": "Keys", "environmentId": environment,
            "grantType": "client_credentials", "url": self.oauth.url, "clientId": "a",
            "clientSecret": self.planted["clientSecret"], "username": "u", "password": self.planted["password"],
        }  # fmt: skip
        made = self.call("POST", "/platform/v1/authcredentials", body)
        assert made.status == 201, made.body
        credential = str(made.payload["credential"]["id"])
        for wrong in (
            {"clientSecret": self.planted["clientSecret"] + " "},
            {"password": [self.planted["password"]]},
        ):
            assert self.call("PATCH", f"/platform/v1/authcredentials/{credential}", wrong).status == 400
        for strategy, fields in self.others().items():
            common = {name: body[name] for name in ("organization", "name", "environmentId")}
            made = self.call("POST", "/platform/v1/authcredentials", common | {"authStrategy": strategy} | fields)
            assert made.status == 201, (strategy, made.body)
        return credential

    def others(self) -> dict[str, dict[str, Any]]:
        """The fields of the other strategies, with a canary in each secret; a private key is one itself."""
        names = ("secretKey", "sessionToken", "account key", "sas", "basic", "header", "smart")
        ours = {name: canary(name) for name in names}
        made = {name: keys.make(name) for name in ("RS256", "RS384", "ES256", "ES384")}
        self.planted |= ours | {f"key {name}": key.splitlines()[2] for name, key in made.items()}
        account = base64.b64encode(ours["account key"].encode().ljust(64, b"-")).decode()
        at = {"url": self.oauth.url}
        return {
            "SMART_Backend": at | {
                "clientId": "a", "algorithm": "RS384", "privateKey": made["RS384"],
                "grantType": "password", "username": "u", "password": ours["smart"],
            },
            "AwsSigv4": {
                "accessKey": "A", "secretKey": ours["secretKey"], "sessionToken": ours["sessionToken"],
                "serviceName": "s3", "awsRegion": "eu-west-1",
            },
            "GoogleWIF": {
                "audience": POOL, "token_url": self.oauth.url, "algorithm": "ES256", "privateKey": made["ES256"],
            },
            "AzureSharedKey": {"accountKey": account},
            "AzureSAS": {"sasToken": f"sv=2022-11-02&sp=rcwd&se=2999-01-01&sig={quote(ours['sas'], safe='')}"},
            "GoogleServiceAccount": {
                "type": "service_account", "private_key_id": "k", "private_key": made["RS256"],
                "client_email": "a@b.iam.gserviceaccount.com", "token_uri": self.oauth.url,
            },
            "JWT_Bearer": at | {
                "issuer": "a", "subject": "b", "audience": "c", "algorithm": "ES384", "privateKey": made["ES384"],
            },
            "Basic": {"username": "u", "password": ours["basic"]},
            "Header": {"headerName": "X-Api-Key", "headerValue": ours["header"]},
        }  # fmt: skip

    def plant_destination(self, credential: str) -> dict[str, Any]:
        """A destination with a token, a client key and a signing secret."""
        made = self.server.destination(
            endpoint=self.receiver.url, verificationToken=self.planted["token"], authCredential=credential
        )
        certificate, key = (file.read_text() for file in Authority(self.place).issue("waypost"))
        self.planted["client key"] = "".join(key.splitlines()[1:-1])[40:80]
        tls = {"clientCertificate": certificate, "clientKey": key}
        assert self.call("PATCH", f"/waypost/v1/destinations/{made['id']}", {"tls": tls}).status == 200
        secret = self.server.call("POST", f"/platform/v1/destinations/{made['id']}/changeWebhookSigningSecret")
        self.planted["signing secret"] = secret.payload["secret"].removeprefix("whsec_")
        raw = base64.b64decode(self.planted["signing secret"])
        self.planted["signing bytes"] = raw.hex()
        return made

    def plant_legacy_key(self) -> None:
        """A legacy key of a source, used rightly and wrongly."""
        environment = self.server.environments["Development"]
        made = json.loads(self.server.cli("apikeys", "add", environment, "--legacy", "--json").stdout)["apiKey"]
        self.planted["legacy secret"] = made["secret"]
        client = Client(self.server.port)
        issued = client("POST", "/auth/authenticate", {"apiKey": made["key"], "secret": made["secret"]})
        assert issued.status == 200, issued.body
        self.planted["refresh token"] = issued.json["refreshToken"]
        for body in (
            {"apiKey": "x", "secret": made["secret"]},
            {"apiKey": made["key"], "secret": [made["secret"]]},
        ):
            refused = client("POST", "/auth/authenticate", body)
            assert refused.status in {400, 401}
            self.said.append(refused.body)

    def plant_sign_in(self) -> None:
        """A link, a password, a second factor and a session in the dashboard, used rightly and wrongly."""
        added = self.server.cli("users", "add", "pat@example.org", "--invite", "--json").stdout
        path = urlsplit(json.loads(added)["invitation"]["url"]).path
        password = self.planted["sign-in password"] = canary("sign-in")
        self.planted["invitation"] = path.rpartition("/")[2]
        pat = Guest(self.server)
        assert pat.post(path, {"password": password}).status == 403
        pat.accept(path, password)
        for wrong in (password + "!", password * 10):
            form = pat.form(SIGN_IN, SIGN_IN)
            assert pat.submit(form, email="pat@example.org", password=wrong).status == 403
        assert pat.submit(pat.form(SIGN_IN, SIGN_IN), email="pat@example.org", password=password).status == 303
        secret, recovery = pat.enrol(password)
        self.planted |= {"cookie": pat.cookies["waypost_session"], "recovery code": recovery[0]}
        self.planted |= {"second factor": secret, "second factor, raw": base64.b32decode(secret).hex()}
        self.planted["form token"] = pat.form("/dashboard/account", "/sign-out").fields["csrf"]
        assert pat.submit(pat.form("/dashboard/account", "/remove"), code=recovery[0]).status == 303

    def send(self, destination: Mapping[str, Any], source: Mapping[str, Any], client: str, number: int) -> str:
        sent = message(destination, source, number)
        sent["Patient"] = {"Identifiers": [{"ID": self.planted["patient"], "IDType": "MR"}]}
        sent["Note"] = self.planted["body"]
        found = self.call("POST", "/endpoint", sent, token=self.server.token(client=client))
        assert found.status == 200, found.body
        return str(found.json["Meta"]["Logs"][0]["ID"])


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    server = Server(tmp_path, settings={"WAYPOST_RETRY_SCHEDULE": "0.02"})
    with Receiver() as receiver, OAuthServer(Expected()) as oauth, server:
        yield Story(server, receiver, oauth, tmp_path)


def test_every_strategy_is_planted() -> None:
    assert {name: sorted(strategy.secrets) for name, strategy in STRATEGIES.items()} == {
        name: sorted(secrets) for name, secrets in PLANTED.items()
    }


def test_the_search_finds_a_canary_in_every_spelling() -> None:
    value = canary("x")
    for at in range(3):
        inside = base64.b64encode(b"y" * at + value.encode() + b"z" * at)
        assert leaks({"x": value}, {"place": b"..." + inside}) == ["x in place"]
    assert all(len(each) > 20 for each in spellings(value))
    assert leaks({"x": value}, {"place": canary("x").encode()}) == []


def test_no_secret_and_no_message_content_turns_up_anywhere(story: Story) -> None:
    server = story.server
    credential = story.plant_credentials()
    destination = story.plant_destination(credential)
    story.plant_legacy_key()
    story.plant_sign_in()
    source, client = server.source(), server.client_id()
    subscription = server.subscribe(source, destination)

    logs = deliver(story, destination, source, client)
    say_what_is_wrong(story, f"/platform/v1/destinations/{destination['id']}", server.token(client=client))
    see_what_some_may(story, logs)
    look_at_everything(story, destination["id"], credential, subscription["id"], logs[0])

    assert_no_core_dumps(server.pid)
    places = {f"answer {number}": said for number, said in enumerate(story.said)} | {"log": server.said().encode()}
    living = on_disk(server.data)
    server.kill()
    places |= living | {f"{name} after the crash": data for name, data in on_disk(server.data).items()}
    assert any("wal" in name for name in living)
    assert len(places["log"]) > 100
    assert sum(map(len, living.values())) > 100_000
    assert leaks(story.planted, places) == []


def echo(request: Request) -> Reply:
    """The worst receiver: it answers an error with all that it was sent."""
    return answer(500, request.body + repr(request.headers).encode())


def deliver(story: Story, destination: Mapping[str, Any], source: Mapping[str, Any], client: str) -> list[str]:
    """Three messages to a receiver that does all that one can do wrong; their logs."""

    def repeat(request: Request) -> Reply:
        """As `echo`, and a secret of its own; the answer to a delivery is for those who may see messages."""
        return answer(500, story.planted["answer"].encode() + request.body + repr(request.headers).encode())

    story.receiver.behave(repeat, answer(401), repeat, reset(), hang_up(), garbage(b"\x00x"), repeat, answer(200))
    story.oauth.refuse(times=1)
    logs = [story.send(destination, source, client, number) for number in range(3)]
    until(lambda: len([one for one in story.receiver.requests if one.method == "POST"]) >= 9, "the deliveries")
    sent = story.receiver.requests[0].headers["authorization"]
    story.planted["access token"] = sent.removeprefix("Bearer ")
    return logs


def say_what_is_wrong(story: Story, path: str, token: str) -> None:
    """Wrong requests, in every way that has a secret in it."""
    planted = story.planted
    story.receiver.behave(echo)
    for method in ("POST", "GET"):
        sent = {"verificationMethod": method, "verificationToken": planted["second-token"]}
        assert story.call("POST", path + "/verify", sent).status == 409
    for body in (
        {"verificationToken": planted["token"] + " "},
        {"verificationToken": [planted["token"]]},
        {"name": planted["token"] * 20},
        b'{"verificationToken": "' + planted["token"].encode(),
    ):
        assert story.call("PATCH", path, body).status == 400
    text = json.dumps({"Meta": {"DataModel": 1}, "Note": planted["body"], "Patient": planted["patient"]})
    for wrong in (text.encode(), text.encode()[:-2], planted["body"].encode(), b"[" + text.encode() + b"]"):
        assert story.call("POST", "/endpoint", wrong, token=token).status == 400
    lines = {"content-type": "application/x-ndjson"}
    story.call("POST", "/waypost/v1/messages", f"{text}\n{text[:-3]}\n".encode(), token=token, headers=lines)
    assert story.call("GET", path, token=planted["token"]).status == 401


def see_what_some_may(story: Story, logs: Sequence[str]) -> None:
    """Views that are for some, and written down; they themselves are not searched."""
    for log_id in logs:
        assert story.server.call("GET", f"/waypost/v1/logs/{log_id}/payload").status == 200
        assert story.server.call("GET", f"/waypost/v1/logs/{log_id}/attempts").status == 200
    environment = story.server.environments["Development"]
    terms = {"searchTerms": [{"value": story.planted["patient"], "category": "patient"}]}
    found = story.call("POST", f"/platform/v1/environments/{environment}/logs/search/payloads", terms)
    assert (found.status, len(found.payload["results"])) == (200, 3)


def look_at_everything(story: Story, destination: str, credential: str, subscription: str, log: str) -> None:
    """Everything that shows things."""
    environment, organization = story.server.environments["Development"], story.server.made["organization"]["id"]
    for shown in (
        f"/platform/v1/destinations/{destination}",
        f"/waypost/v1/destinations/{destination}",
        f"/platform/v1/environments/{environment}/destinations",
        f"/platform/v1/environments/{environment}/authcredentials",
        f"/platform/v1/authcredentials/{credential}",
        f"/waypost/v1/environments/{environment}/queues",
        f"/waypost/v1/queues/{subscription}",
        f"/waypost/v1/environments/{environment}/ledger",
        f"/waypost/v1/destinations/{destination}/deliveries?after=0",
        f"/platform/v1/organizations/{organization}/logs/{log}",
        f"/platform/v1/organizations/{organization}/audit-events?limit=500",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/no/such/page",
    ):
        assert story.call("GET", shown).status in {200, 404}, shown


def on_disk(folder: Path) -> dict[str, bytes]:
    """Every file of the data folder but those with keys."""
    files = (
        file for file in folder.rglob("*") if file.is_file() and not KEYS & set(file.relative_to(folder).parts)
    )
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def assert_no_core_dumps(pid: int) -> None:
    """Nothing of the process's memory is written to disk when it dies; Linux says so."""
    limits = Path(f"/proc/{pid}/limits")
    if limits.exists():
        [line] = [line for line in limits.read_text().splitlines() if line.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"]
