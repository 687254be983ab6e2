"""The index, the commands of its pages, and the site that is built of them."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from manual import site
from tests.docs.shell import ROOT, blocks

DOCS = ROOT / "docs"
TESTED = [DOCS / "how-to", DOCS / "tutorials"]
ELSEWHERE = ("http:", "https:", "//")


def pages_with_commands() -> list[Path]:
    return [page for folder in TESTED for page in sorted(folder.glob("*.md")) if blocks(page.read_text())]


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    listed = {(DOCS / path).resolve() for path in re.findall(r"\]\(([^)#]+\.md)\)", index)}
    decisions = set((DOCS / "decisions").glob("0*.md"))  # these have a list of their own
    assert set(DOCS.rglob("*.md")) - decisions - listed == {DOCS / "README.md"}


def test_every_page_with_commands_is_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "docs").glob("test_*.py"))
    run = [page for page in pages_with_commands() if any(not reason for reason, _ in blocks(page.read_text()))]
    assert [page.name for page in run if f'"{page.name}"' not in tests] == []


def test_what_is_not_run_says_why() -> None:
    for page in pages_with_commands():
        text = page.read_text()
        for language in ("sh", "sql", "js"):
            for reason, _ in blocks(text, language):
                if reason:
                    print(f"{page.relative_to(ROOT)}: not run: {reason}")
                assert reason or language == "sh", (
                    f"{page.name} has {language} that nobody runs, and does not say why"
                )
        assert len(re.findall("<!-- not run:", text)) == sum(
            bool(reason) for language in ("sh", "sql", "js") for reason, _ in blocks(text, language)
        )


@pytest.mark.skipif(
    find_spec("zensical") is None and os.environ.get("CI") != "true",
    reason="zensical is not installed: make setup",
)
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    assert site.build(tmp_path) == 0

    made = tmp_path / "html"
    assert (made / "docs" / "tutorials" / "first-delivery" / "index.html").exists()
    assert (made / "docs" / "images" / "states-of-a-queue.svg").exists()
    loaded = [
        address
        for page in made.rglob("*.html")
        for address in re.findall(
            r'<(?:script|img|iframe)[^>]* src="([^"]+)"|<link[^>]* href="([^"]+)"', page.read_text()
        )
        if "".join(address).startswith(ELSEWHERE)
    ]
    assert loaded == []
