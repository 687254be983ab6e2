"""The tutorials, from their first command to their last, and what they say that one sees."""

from pathlib import Path

from tests.support.shell import ROOT, blocks, commands, needs, run
from tests.support.waypost import free_port

TUTORIALS = ROOT / "docs" / "tutorials"
FIRST = TUTORIALS / "first-delivery.md"
REDOX = TUTORIALS / "redox-in-ci.md"

pytestmark = needs("curl", "openssl")


def ports() -> dict[str, str]:
    return {"8080": str(free_port()), "9000": str(free_port())}


def test_a_first_delivery_and_a_queue_that_drains(tmp_path: Path) -> None:
    said = run(commands(FIRST), tmp_path, ports())

    shown = [text for _, text in blocks(FIRST.read_text(), "text")]
    assert len(shown) == 3
    for text in shown:
        assert text in said
    assert "succeeded" in said


def test_an_integration_is_tested_and_meets_a_failure(tmp_path: Path) -> None:
    said = run(commands(REDOX), tmp_path, {"../waypost": str(ROOT), **ports()})

    assert said.splitlines()[-3:] == ["1", "pending", "1"]
    assert not (tmp_path / "waypost-data").exists()
