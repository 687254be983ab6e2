"""The files in `deploy/`, held against the settings, options, folders and limits that there are.

No engine runs them here; `docs/how-to/install.md` says so.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from waypost.cli.main import app
from waypost.cli.serving.server import DRAIN_SECONDS
from waypost.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONTAINER = (DEPLOY / "Containerfile").read_text()
UNIT = DEPLOY / "systemd" / "waypost.service"
COMPOSE = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "waypost"}


class Repeating(dict[str, Any]):
    """A unit's section, in which a directive may stand several times."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def unit() -> dict[str, dict[str, list[str]]]:
    parser = RawConfigParser(dict_type=Repeating, strict=False, delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(UNIT)
    return {name: {key: value.split("\n") for key, value in parser[name].items()} for name in parser.sections()}


def instructions(text: str) -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word
    ]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `waypost` command line that a file begins."""
    yield "unit", shlex.split(unit()["Service"]["ExecStart"][0])[1:]
    yield "image", yaml.safe_load(dict(instructions(CONTAINER))["CMD"])
    for name, service in OURS.items():
        if "command" in service:
            yield name, service["command"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_a_file_names_is_one(path: Path) -> None:
    known = {f"WAYPOST_{name.upper()}" for name in Settings.model_fields} | {"WAYPOST_HOST", "WAYPOST_DB_PASSWORD"}
    assert set(re.findall(r"WAYPOST_[A-Z_]+", path.read_text())) <= known


@pytest.mark.parametrize(("arguments"), [words for _, words in commands()], ids=[name for name, _ in commands()])
def test_every_command_that_a_file_runs_can_be_read(arguments: list[str]) -> None:
    group = typer.main.get_command(app)
    name, *options = arguments
    group.commands[name].make_context(name, options)  # type: ignore[attr-defined]


def test_the_image_runs_what_the_lock_names_as_nobody_in_particular() -> None:
    found = instructions(CONTAINER)
    words = [word for word, _ in found]
    last = words[len(words) - words[::-1].index("FROM") :]

    assert {rest.partition(" ")[0] for word, rest in found if word == "FROM"} == {"python:3.13-slim"}
    assert [rest for word, rest in found if word == "USER"] == ["10001"]
    assert {"USER", "VOLUME", "HEALTHCHECK", "ENTRYPOINT"} <= set(last)
    installs = [rest for word, rest in found if word == "RUN" and "pip install" in rest]
    assert all("--require-hashes" in rest or "--no-deps" in rest for rest in installs)
    assert not re.search(r"https?://(?!127\.0\.0\.1)|--index|curl|wget|apt", CONTAINER)


def test_what_the_image_copies_is_in_the_tree_and_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for word, rest in instructions(CONTAINER)
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


def test_systemd_takes_every_word_of_the_unit(tmp_path: Path) -> None:
    """Where systemd is. It says what it does not know with an exit status of 0, and of other units as well."""
    if shutil.which("systemd-analyze"):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE)
        (tmp_path / UNIT.name).write_text(text)
        command = ["systemd-analyze", "verify", str(tmp_path / UNIT.name)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert [line for line in (ran.stdout + ran.stderr).splitlines() if UNIT.name in line] == []


def test_the_unit_never_gives_up_starting() -> None:
    assert unit()["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert unit()["Service"]["Restart"] == ["always"]


def test_the_unit_gives_no_rights_that_waypost_does_not_need() -> None:
    service = unit()["Service"]
    on = [
        "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "PrivateDevices", "PrivateTmp",
        "PrivateUsers", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname",
        "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RemoveIPC",
        "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID",
    ]  # fmt: skip
    assert [name for name in on if service.get(name) != ["yes"]] == []
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["SystemCallFilter"] == ["@system-service", "~@privileged"]
    assert service["User"] != ["root"]


def test_the_unit_keeps_the_key_apart_from_the_data_and_both_where_it_may_write() -> None:
    settings = dict(
        line.split("=", 1)
        for line in (DEPLOY / "systemd" / "waypost.env").read_text().splitlines()
        if line.startswith("WAYPOST_")
    )
    states = [f"/var/lib/{name}" for name in unit()["Service"]["StateDirectory"][0].split()]
    assert [settings["WAYPOST_DATA"], str(Path(settings["WAYPOST_MASTER_KEY_FILE"]).parent)] == states


def test_whatever_stops_a_server_waits_for_its_attempts() -> None:
    assert int(unit()["Service"]["TimeoutStopSec"][0]) > DRAIN_SECONDS
    assert {int(service["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS for service in OURS.values()} == {
        True
    }


@pytest.mark.parametrize("name", OURS)
def test_a_node_of_the_example_may_do_little(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {volume.partition(":")[2] for volume in service["volumes"]} == {"/data", "/keys"}
    assert "ports" not in service


def test_the_proxy_of_the_example_knows_every_node() -> None:
    proxied = set(re.findall(r"node-\d+", (DEPLOY / "compose" / "Caddyfile").read_text()))
    assert proxied == {name for name in OURS if name != "init"}
    assert COMPOSE["networks"]["inside"]["ipam"]["config"] == [
        {"subnet": OURS["node-1"]["environment"]["WAYPOST_TRUSTED_PROXIES"]}
    ]
