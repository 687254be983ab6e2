"""docs/reference/destination-kinds.md, held against what the kinds declare; and the walk in CONTRIBUTING.md."""

import re
from pathlib import Path

from waypost.destinations.kinds import CLOUD
from waypost.destinations.kinds.page import page

ROOT = Path(__file__).parents[2]
KINDS = ROOT / "src" / "waypost" / "destinations" / "kinds"


def test_the_page_is_what_the_kinds_declare() -> None:
    assert (ROOT / "docs" / "reference" / "destination-kinds.md").read_text() == page()


def test_every_cloud_kind_has_a_contract_test() -> None:
    tested = "".join(path.read_text() for path in (ROOT / "tests" / "destinations" / "kinds").glob("test_*.py"))
    for kind in CLOUD.values():
        assert f'"typeId": "{kind.provider}", "productId": "{kind.product}"' in tested


def test_the_files_that_the_walk_names_are_there() -> None:
    walk = (
        (ROOT / "CONTRIBUTING.md").read_text().split("## A new kind of destination\n", 1)[1].split("\n## ", 1)[0]
    )
    named = re.findall(r"`((?:src|tests|docs)/[\w./-]+\.\w+)`", walk)
    assert len(named) >= 4
    assert [path for path in named if not (ROOT / path).exists()] == []
