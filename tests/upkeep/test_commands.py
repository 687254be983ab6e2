"""`keys rotate`, `backup`, `restore` and `check` as they are typed: through a running server, and alone."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgresql
from tests.support.receiver import Receiver
from tests.support.waypost import Server, message, waypost


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that has delivered messages."""
    with Receiver() as receiver, Server(tmp_path_factory.mktemp("busy")) as server:
        destination = server.destination(endpoint=receiver.url, verificationToken="a-token")
        source, client = server.source(), server.client_id()
        server.subscribe(source, destination)
        for number in range(3):
            assert server.send(client, message(destination, source, number)).status == 200
        receiver.wait(3)
        yield server


def test_a_running_server_rotates_its_key_and_goes_on(busy: Server) -> None:
    before = json.loads((busy.data / "sealing.key").read_bytes())["current"]
    result = json.loads(busy.cli("keys", "rotate", "--json").stdout)
    assert result["previous"] == before
    assert busy.destination(endpoint="https://example.org/", verificationToken="another")["id"]
    assert "Everything holds." in busy.cli("check").stdout


def test_a_running_server_is_backed_up_and_restored_elsewhere(busy: Server, tmp_path: Path) -> None:
    made = json.loads(busy.cli("backup", str(tmp_path / "copy"), "--json").stdout)
    assert made["keys"] == [json.loads((busy.data / "sealing.key").read_bytes())["current"]]
    new, keys = ("--data", str(tmp_path / "new")), ("--key-file", str(busy.data / "sealing.key"))
    restored = waypost("restore", str(tmp_path / "copy"), *keys, *new, "--json")
    assert json.loads(restored.stdout)["keys"] == made["keys"]
    checked = json.loads(waypost("check", *new, "--json").stdout)
    assert checked["ok"]
    assert checked["checked"]["messages"] == 3


def test_a_relative_file_name_is_where_the_command_was_typed(
    busy: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    busy.cli("backup", "here")
    assert os.listdir(tmp_path) == ["here"]


def test_a_check_that_finds_something_says_so_and_ends_with_1(busy: Server, tmp_path: Path) -> None:
    held = busy.data / "sealing.key"
    aside = tmp_path / "aside.key"
    held.rename(aside)
    try:
        ran = busy.cli("check", check=False)
        as_json = busy.cli("check", "--json", check=False)
    finally:
        aside.rename(held)
    assert (ran.returncode, as_json.returncode) == (1, 1)
    assert "secrets: There is no key file at" in ran.stdout
    assert not json.loads(as_json.stdout)["ok"]


def test_postgresql_is_backed_up_restored_and_checked_by_the_commands(tmp_path: Path) -> None:
    database = postgresql.shared()
    urls = [asyncio.run(database.database(empty=True)) for _ in range(2)]
    settings = {"WAYPOST_MASTER_KEY_FILE": str(tmp_path / "sealing.key")}
    file = tmp_path / "waypost.tar"
    try:
        node = Server(tmp_path, settings=settings | {"WAYPOST_DATABASE_URL": urls[0]})
        taken = json.loads(node.cli("backup", str(file), "--json").stdout)
        elsewhere = {"WAYPOST_DATABASE_URL": urls[1]}
        restored = node.cli("restore", str(file), settings=elsewhere)
        assert "organization: 1 rows" in restored.stderr
        assert f"as it was at {taken['takenAt']}" in restored.stdout
        assert json.loads(node.cli("check", "--json", settings=elsewhere).stdout)["ok"]
        again = node.cli("restore", str(file), settings=elsewhere, check=False)
        assert (again.returncode, "tables in this database already" in again.stderr) == (1, True)
    finally:
        for url in urls:
            asyncio.run(database.drop(url))
