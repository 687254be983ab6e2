"""Every fenced block of the documents: in a language that something reads, and held to what it speaks of.

Commands of tutorials and how-tos run in the tests of their pages. What no machine here can run is at least read.
"""

import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bench import __main__ as bench
from bench.peers import __main__ as peers
from crash import __main__ as crash
from manual.publishing import PUBLISHED
from tests.support.shell import ROOT
from torture import __main__ as torture
from waypost import settings
from waypost.destinations.kinds import CLOUD

PAGES = [
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "deploy/**/*.md")
    for page in sorted(ROOT.glob(pattern))
]
HERE = {"json", "sh", "text", "yaml"}
BY_THE_TEST_OF_ITS_PAGE = {"caddyfile", "js", "nginx", "sql"}
PROGRAMS = {"bench": bench.main, "bench-peers": peers.main, "crash": crash.main, "torture": torture.main}


@dataclass(frozen=True)
class Block:
    """A fenced block, with why it is not run; "" for those that are."""

    page: str
    language: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.partition(chr(10))[0]}"


def found() -> list[Block]:
    fenced = re.compile(
        r"(?:^ *<!-- not run: ([^>]+) -->\n)?^( *)```([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL
    )
    return [
        Block(page.relative_to(ROOT).as_posix(), language, re.sub(f"^{indent}", "", text, flags=re.M), reason)
        for page in PAGES
        for reason, indent, language, text in fenced.findall(page.read_text())
    ]


BLOCKS = found()


def in_language(language: str, page: str = "") -> list[Block]:
    return [block for block in BLOCKS if block.language == language and page in block.page]


def test_every_block_says_its_language_and_every_language_is_read_by_a_test() -> None:
    read = HERE | BY_THE_TEST_OF_ITS_PAGE
    assert [str(block) for block in BLOCKS if block.language not in read] == []
    assert len(BLOCKS) > 100


def test_commands_can_be_pasted_into_any_shell() -> None:
    """The shell of macOS takes a `#` behind a command for an argument. What is not run here bash can read."""
    for block in in_language("sh"):
        heredocs = re.sub(r"<<'(\w+)'.*?^\1$", "", block.text, flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"(^|\s)#(\s|$)", heredocs, re.MULTILINE), block
        if block.reason:
            assert subprocess.run(["bash", "-n", "-c", block.text]).returncode == 0, block


def test_every_make_command_is_a_verb_with_options_that_it_takes() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for block in in_language("sh") for line in block.text.splitlines() if line.startswith("make ")]
    assert len(lines) > 10
    for line in lines:
        verb, *more = shlex.split(re.sub(r"^make (-C \S+ )?", "", line))
        assert verb in verbs, line
        if verb in PROGRAMS:
            options = shlex.split(more[0].removeprefix("ARGS=")) if more else []
            with pytest.raises(SystemExit) as ended:
                PROGRAMS[verb]([*options, "--help"])
            assert ended.value.code == 0, line


SHOWN = {
    "docs/how-to/replace-a-failing-credential.md": ("QueueShown",),
    "docs/how-to/be-told-when-a-queue-is-held.md": ("TestPayload", "tests/notifications/test_held.py"),
    "docs/reference/destination-kinds.md": ("tests/docs/test_kinds.py",) * len(CLOUD),
    "docs/reference/init-from.md": ("tests/cli/test_init.py",),
}
"""The JSON of each page in its order: the schema of the published document that it fits, or who reads it."""


def test_json_is_what_the_published_document_says() -> None:
    schemas: dict[str, Any] = json.loads(PUBLISHED.read_text())["components"]["schemas"]
    assert {block.page for block in in_language("json")} == SHOWN.keys()
    for page, names in SHOWN.items():
        for block, name in zip(in_language("json", page), names, strict=True):
            value = json.loads(block.text)
            if name.startswith("tests/"):
                assert Path(page).name in (ROOT / name).read_text()
            else:
                schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
                assert [fault.message for fault in Draft202012Validator(schema).iter_errors(value)] == [], block
                assert value.keys() == schemas[name]["properties"].keys(), block


def test_prometheus_is_told_where_the_metrics_are() -> None:
    (block,) = in_language("yaml")
    (job,) = yaml.safe_load(block.text)["scrape_configs"]
    assert job.keys() == {"job_name", "authorization", "static_configs"}
    assert all(
        re.fullmatch(r"[\w.-]+:\d+", target) for each in job["static_configs"] for target in each["targets"]
    )


SETTINGS = [block for block in in_language("text") if "WAYPOST_" in block.text]


@pytest.mark.parametrize("block", SETTINGS, ids=lambda block: Path(block.page).stem)
def test_settings_as_a_page_has_them_can_be_read(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by systemd, which takes what stands behind a value for a part of it, a comment too."""
    lines = re.findall(r"^(WAYPOST_\w+)=(\S+)$", block.text, re.MULTILINE)
    assert len(lines) == len(re.findall(r"^[^#]", block.text, re.MULTILINE))
    (tmp_path / "oidc").write_text("the-secret")
    for name, value in lines:
        monkeypatch.setenv(name, value.replace("/run/secrets/waypost", str(tmp_path)))
    made = settings.load()
    assert all(getattr(made, name.removeprefix("WAYPOST_").lower()) for name, _ in lines)
