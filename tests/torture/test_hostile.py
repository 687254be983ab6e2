"""Hostile input at length, in short: what is asked over a socket, how rounds add up, and the page they make."""

from pathlib import Path

import pytest
from rich.console import Console

from tests.support.house import House
from torture import hostile, hostile_page
from torture.findings import Findings
from torture.outside import Wire
from torture.tally import Tally

LISTED = "GET /platform/v1/organizations"
MADE = "POST /platform/v1/authcredentials"


def found(status: int, *, wrong: str | None = None) -> Findings:
    tally = Tally()
    tally.add(LISTED, status, wrong, by_link=True)
    tally.add(MADE, 400, None)
    tally.add("bodies", 400, None)
    return Findings(
        tally, {LISTED: {200, 401, 403}, MADE: {400, 429}}, {"Lists": [LISTED], "Keys": [MADE]}, 1, 100, 200
    )


def test_a_connection_is_used_again_and_made_anew_when_the_server_ends_it(tmp_path: Path) -> None:
    with House(tmp_path, deliver=False) as house:
        ask = Wire(house.port)
        for headers in ({}, {"connection": "close"}, {"transfer-encoding": "gzip"}, {}):
            got = ask("GET", "/health/live", headers)
            assert (got.status, "x-request-id" in got.headers) == (
                400 if "transfer-encoding" in headers else 200,
                True,
            )
        assert ask("POST", "/v2/auth/token", {}, b"a=b").status == 400
        ask.close()


def test_rounds_add_up() -> None:
    whole = found(200)
    whole.join(found(200))
    whole.join(found(401))
    assert (whole.rounds, whole.cases, whole.odd, whole.tally.by_link[LISTED]) == (3, 6, 3, 3)
    assert whole.unseen() == [f"{LISTED} 403"]


def test_what_one_round_broke_stays_broken() -> None:
    whole = found(500, wrong="a fault")
    whole.join(found(200))
    assert whole.tally.broken == {f"{LISTED} 500": "a fault"}
    rows = hostile_page.table(whole).splitlines()
    assert rows[2] == "| Lists | 1 | 2 | 2 | 1 | 0 | 0 | 0 | 1 |"
    assert rows[3] == "| Keys | 1 | 2 | 0 | 0 | 0 | 2 | 0 | 0 |"
    assert rows[4] == "| **all of the document** | 2 | 4 | 2 | 1 | 0 | 2 | 0 | 1 |"
    assert rows[5] == "| odd requests | 5 | 2 | 0 | 0 | 0 | 2 | 0 | 0 |"


def test_the_page_says_what_was_broken(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    hostile_page.write(found(200), 7, page)
    assert "No breach, and no 5xx but 501." in page.read_text()
    hostile_page.write(found(500, wrong="a fault\nat length"), 7, page)
    written = page.read_text()
    assert f"- **{LISTED} 500**: a fault\n" in written
    assert "No breach" not in written


def test_no_cases_at_all_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        hostile.main(["--cases", "0"], Console())
    assert "take 1 or more" in capsys.readouterr().err
