"""`waypost send`: files go out as they are, and their answers are said file by file."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.receiver import Receiver, answer
from tests.support.waypost import Server
from waypost.cli.keypairs import keyfiles
from waypost.cli.keypairs.keyfiles import KeyPair
from waypost.cli.sending.send import Replaced, only_key, with_ids
from waypost.cli.terminal.output import Failure
from waypost.folder import Folder
from waypost.messages.model import MessageInvalid

MARK = b"\xef\xbb\xbf"
BODY = b"""{ "Before" : [1.0, 1e2, "\\u00e9", "\xc3\xa9"],
  "Meta"\t: {"DataModel": "PatientAdmin",  "EventType":"NewPatient", "Test": true,
            "Source": {"ID": "old", "Name": "Old"}, "Destinations": [{"ID": "old", "Name": "Old"}],
            "Extra": {"Number": 1.0} },
  "After" : { "Meta": "not this one", "big": 12345678901234567890 } }
"""


def outside(body: bytes) -> tuple[bytes, bytes]:
    """What lies before and after the value of `Meta`."""
    return body[: body.index(b'{"DataModel"')], body[body.index(b'"After"') :]


def meta(body: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(body)["Meta"]
    return found


def test_without_options_every_byte_goes_out_as_it_is() -> None:
    assert with_ids(BODY, Replaced(None, ())) == BODY


def test_only_the_source_id_and_the_destinations_are_replaced() -> None:
    sent = with_ids(BODY, Replaced("new", ("one", "two")))
    assert outside(sent) == outside(BODY)
    assert meta(sent) == {
        **meta(BODY),
        "Source": {"ID": "new", "Name": "Old"},
        "Destinations": [{"ID": "one"}, {"ID": "two"}],
    }
    assert b'"Extra":{"Number": 1.0}' in sent


def test_a_source_alone_leaves_the_destinations() -> None:
    sent = with_ids(BODY, Replaced("new", ()))
    assert meta(sent)["Destinations"] == meta(BODY)["Destinations"]


def test_a_message_without_source_or_destinations_gets_them() -> None:
    sent = with_ids(b'{"Meta": {"DataModel": "Results"}, "Orders": []}', Replaced("new", ("one",)))
    assert meta(sent) == {"DataModel": "Results", "Source": {"ID": "new"}, "Destinations": [{"ID": "one"}]}
    assert sent.endswith(b', "Orders": []}')


@pytest.mark.parametrize(
    "body", [b"", b"[{}]", b"{}", b'{"Meta": 1}', b'{"Meta": {"a": 1}', b"\xff", MARK + b'{"Meta": {}}', b'"Meta"']
)
def test_what_is_not_a_message_is_refused(body: bytes) -> None:
    with pytest.raises(MessageInvalid):
        with_ids(body, Replaced("new", ()))


@dataclass(frozen=True)
class Sender:
    """A running server with a subscription, and a place for files."""

    server: Server
    place: Path
    source_id: str
    destination_id: str
    receiver: Receiver

    def file(self, name: str, body: bytes | None = None) -> str:
        path = self.place / name
        ids = Replaced(self.source_id, (self.destination_id,))
        path.write_bytes(with_ids(BODY, ids) if body is None else body)
        return str(path)

    def send(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.server.cli("send", *arguments, check=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("sending")) as server:
        server.client_id()
        yield server


@pytest.fixture
def sender(running: Server, tmp_path: Path) -> Iterator[Sender]:
    with Receiver() as receiver:
        source, destination = running.source(), running.destination(endpoint=receiver.url)
        running.subscribe(source, destination)
        yield Sender(running, tmp_path, source["id"], destination["id"], receiver)


def test_files_are_delivered_in_the_order_given_with_the_only_key(sender: Sender) -> None:
    files = [sender.file(f"{number}.json") for number in (3, 1, 2)]
    ran = sender.send(*files)
    assert ran.returncode == 0, ran.stderr
    assert [line.split(":")[0] for line in ran.stdout.splitlines()] == files
    delivered = [request.json for request in sender.receiver.wait(3)]
    assert [f"log {body['Meta']['Logs'][0]['ID']}" for body in delivered] == [
        line.split(", ")[1] for line in ran.stdout.splitlines()
    ]
    assert outside(sender.receiver.requests[0].body) == outside(BODY)


def test_ids_on_the_command_line_stand_in_for_those_in_the_file(sender: Sender) -> None:
    file = sender.file("message.json", BODY)
    ran = sender.send(file, "--source", sender.source_id, "--destination", sender.destination_id)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sender.receiver.wait(1)


def test_a_refusal_is_said_in_the_servers_words_and_the_others_go_on(sender: Sender) -> None:
    good, bad = sender.file("good.json"), sender.file("bad.json", BODY)
    ran = sender.send(bad, good)
    assert ran.returncode == 1
    refused, accepted = ran.stdout.splitlines()
    assert refused.startswith(f"{bad}: refused (400): ")
    assert len(refused) > len(f"{bad}: refused (400): ")
    assert accepted.startswith(f"{good}: accepted, log ")


def test_a_file_that_is_no_message_stops_everything_before_it_is_sent(sender: Sender) -> None:
    ran = sender.send(sender.file("good.json"), sender.file("list.json", b"[]"), str(sender.place / "none.json"))
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "list.json: " in ran.stderr
    assert "one message, a JSON object with Meta" in ran.stderr
    assert "none.json: No such file or directory." in ran.stderr
    assert sender.receiver.requests == []


def test_following_shows_why_the_queue_is_held_and_how_it_ends(sender: Sender) -> None:
    sender.receiver.behave(answer(418))
    command = [sys.executable, "-m", "waypost", "send", sender.file("message.json"), "--follow"]
    command += ["--data", str(sender.server.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=sender.server.environment) as sending:
        guard = threading.Timer(60, sending.kill)
        guard.start()
        assert sending.stdout is not None
        said = []
        for line in sending.stdout:
            said.append(line)
            if "its queue is held" in line:
                sender.receiver.behave(answer())
                change = {"endpoint": sender.receiver.url + "fixed"}
                sender.server.call("PATCH", f"/platform/v1/destinations/{sender.destination_id}", change)
        guard.cancel()
        assert sending.wait() == 0
    assert any("held: The endpoint answered 418" in line for line in said), said
    assert "succeeded, " in said[-1]


def test_the_only_oauth_key_is_taken_and_several_must_be_told_apart(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with pytest.raises(Failure, match="waypost apikeys add"):
        only_key(folder)
    pair = KeyPair({"kid": "a"}, {"keys": []})
    keyfiles.keep(folder, "a-user", pair, user=(1, "owner@example.org"))
    keyfiles.keep(folder, "first", pair, environment_id="Development")
    assert only_key(folder).clientId == "first"
    keyfiles.keep(folder, "second", pair, environment_id="Staging")
    with pytest.raises(Failure, match=r"--client:\nfirst .*\nsecond \(environment Staging\)"):
        only_key(folder)
