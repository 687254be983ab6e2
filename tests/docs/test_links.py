"""Links between the documents, held against the files."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    found = []
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked.read_text())):
            found.append(f"{page.relative_to(ROOT)}: {target}")
    return found


def test_every_link_between_documents_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    assert [link for page in pages for link in broken(page)] == []


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    written = {page.name for page in folder.glob("0*.md")}
    assert written == set(re.findall(r"\((0[^)]+)\)", (folder / "README.md").read_text()))
