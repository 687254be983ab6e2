"""The table of invariants has a row for each of the architecture's."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "invariants.md").read_text()


def test_every_invariant_of_the_architecture_has_its_row() -> None:
    listed = re.findall(r"^\| (\d+) \| \*\*(.+?)\.?\*\*", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    assert re.findall(r"^\| (\d+) \| (.+?) \|", PAGE, re.MULTILINE) == listed
