"""The index, the commands of its pages, and the site that is built of them."""

import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from manual import site
from tests.support.shell import ROOT, blocks

DOCS = ROOT / "docs"
TESTED = [DOCS / "how-to", DOCS / "tutorials"]
RUN_SQL = {"run-on-postgresql.md"}
"""The pages whose SQL a test runs."""
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
                assert reason or language == "sh" or page.name in RUN_SQL, (
                    f"{page.name} has {language} that nobody runs, and does not say why"
                )
        assert len(re.findall("<!-- not run:", text)) == sum(
            bool(reason) for language in ("sh", "sql", "js") for reason, _ in blocks(text, language)
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as a folder of pages."""
    if find_spec("zensical") is None and os.environ.get("CI") != "true":
        pytest.skip("zensical is not installed: make setup")
    to = tmp_path_factory.mktemp("site")
    assert site.build(to) == 0
    return to / "html"


def addresses(page: Path, attribute: str, *tags: str) -> Iterator[str]:
    for tag in tags:
        yield from re.findall(rf'<{tag}\b[^>]* {attribute}="?([^"\s>]+)', page.read_text())


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(built: Path) -> None:
    assert (built / "docs" / "tutorials" / "first-delivery" / "index.html").exists()
    assert (built / "docs" / "images" / "states-of-a-queue.svg").exists()
    loaded = [
        address
        for page in built.rglob("*.html")
        for address in (*addresses(page, "src", "script", "img", "iframe"), *addresses(page, "href", "link"))
        if address.startswith(ELSEWHERE)
    ]
    assert loaded == []


def test_every_link_of_the_site_leads_to_a_file_of_it(built: Path) -> None:
    """Not to pages alone, which building it strictly sees to."""
    broken = []
    for page in built.rglob("index.html"):
        for address in addresses(page, "href", "a"):
            path = unquote(address.partition("#")[0])
            leads = page.parent / path
            if not path.startswith(ELSEWHERE) and not (leads / "index.html" if leads.is_dir() else leads).exists():
                broken.append(f"{page.parent.relative_to(built)}: {address}")
    assert broken == []


def test_every_picture_says_in_words_what_it_shows(built: Path) -> None:
    pictures = [tag for page in built.rglob("*.html") for tag in re.findall(r"<img\b[^>]*>", page.read_text())]
    assert [tag for tag in pictures if not re.search(r'alt="[^"]', tag)] == []
    assert len(pictures) > 10
