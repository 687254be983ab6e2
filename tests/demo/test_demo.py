"""The demo as it is run: one process, one story, one verdict."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from waypost.demo.__main__ import patch_line
from waypost.demo.story import Report
from waypost.demo.table import sentence
from waypost.demo.verdict import Sent, Verdict

COMMAND = [sys.executable, "-u", "-m", "waypost.demo"]
HEARS_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def shown() -> list[str]:
    """The lines of the demo that the front page shows."""
    page = (Path(__file__).parents[2] / "README.md").read_text()
    return page.partition("```text\n")[2].partition("```")[0].splitlines()


def shape(line: str) -> str:
    """A line without what is another each time: ids and seconds; and without the blanks that align it."""
    return re.sub(r"\s+", " ", re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+\.\d+ s", "", line)).strip()


def test_the_demo_loses_repeats_and_inverts_nothing() -> None:
    hostile = os.environ | {"WAYPOST_DATABASE_URL": "postgresql://nowhere/", "WAYPOST_RETRY_SCHEDULE": "86400"}
    ran = subprocess.run(
        [*COMMAND, "--exit"], capture_output=True, text=True, env=hostile, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "All 260 messages arrived: none lost, none repeated, none out of order." in ran.stdout
    assert "held: 200 messages." in ran.stdout
    said = [shape(line) for line in ran.stdout.splitlines()]
    assert [line for line in shown() if shape(line) not in said] == [], "the front page shows another demo"
    both = next(line.split() for line in ran.stdout.splitlines() if line.split()[:1] == ["both"])
    assert both[1:] == ["260", "200", "260", "1–260", "yes", "0", "0"]


def test_the_demo_keeps_running_until_it_is_interrupted() -> None:
    # Where the tests run in the background, SIGINT is ignored, and so it would be by whom they start.
    command = [sys.executable, "-u", "-c", HEARS_CTRL_C, *COMMAND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        pasted = next(line for line in said if line.startswith("curl "))
        renamed = subprocess.run(pasted, shell=True, capture_output=True, text=True, timeout=30, check=True)
        assert '"name":"Care coordination, renamed"' in renamed.stdout
        way_in = next(line.split()[-1] for line in said if line.startswith("The way in"))
        with urlopen(way_in, timeout=30) as page:
            assert "password" in page.read().decode()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0


def test_the_request_to_paste_is_the_documented_one() -> None:
    line = patch_line("http://127.0.0.1:8080", "the-id", "the-token")
    assert line.startswith("curl 'http://127.0.0.1:8080/platform/v1/destinations/the-id' --request PATCH")
    assert "--header 'Authorization: Bearer the-token'" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict(lost=("a", "b")), "2 lost"),
        (Verdict(repeated=("a",)), "1 repeated"),
        (Verdict(disordered=("a",)), "1 out of order"),
        (Verdict(altered=("a",), unknown=("b",)), "1 altered, 1 never sent"),
    ],
)
def test_a_broken_promise_is_said_in_words(verdict: Verdict, words: str) -> None:
    said = sentence(Report(sent=[Sent("a", b"{}")]), verdict)
    assert said.plain == f"A promise was broken: {words}."
