"""docs/explanation/house-review.md, held against the code as far as it can be: sizes, arrows, what it names.

`python -m tests.docs.test_house_review` prints the drawing for the page.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.docs.test_architecture import APART, ROOT, SRC, arrows, bands, parts

PAGE = ROOT / "docs" / "explanation" / "house-review.md"
SIZED = ("bench", "crash", "manual", "screenshots", "src", "tests", "torture")
MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_A_FILE = 500
LONG_FUNCTIONS = {"src/waypost/db/migrations/versions/0001_founding_tables.py:upgrade"}
"""What the review defends; a longer list needs words there."""
BANDS = ("faces", "engine", "nouns", "ground")


def files() -> Iterator[Path]:
    """Every Python file whose size counts."""
    for folder in SIZED:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if not APART & set(path.parts))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(path: Path) -> Iterator[str]:
    """The functions of a file that are too long, by name."""
    for function, first, last in parts(path).functions:
        if last - first + 1 > MOST_LINES_OF_A_FUNCTION:
            yield f"{name(path)}:{function}"


def drawing() -> str:
    """The bands, and in each the folders that lean on others of their own band."""
    places, drawn = bands((ROOT / "ARCHITECTURE.md").read_text()), arrows(SRC)
    lines = []
    for number, band in enumerate(BANDS):
        lines.append(band if number == 0 else f"  ↓\n{band}")
        inside = {unit: sorted(t for t in drawn[unit] if places[t] == number) for unit in sorted(drawn)}
        here = [unit for unit in inside if places[unit] == number]
        lines += [f"  {unit} → {', '.join(inside[unit])}" for unit in here if inside[unit]]
        lines.append(f"  on none of their band: {', '.join(unit for unit in here if not inside[unit])}")
    return "\n".join(lines)


def test_no_function_is_long_but_those_that_the_review_defends() -> None:
    assert {each for path in files() for each in long_functions(path)} == LONG_FUNCTIONS
    text = PAGE.read_text()
    assert [each for each in LONG_FUNCTIONS if Path(each.split(":")[0]).name not in text] == []


def test_no_file_is_long() -> None:
    assert [name(path) for path in files() if len(path.read_text().splitlines()) > MOST_LINES_OF_A_FILE] == []


def test_the_drawing_is_that_of_the_imports() -> None:
    assert drawing() in PAGE.read_text(), "draw it anew: python -m tests.docs.test_house_review"


def test_every_file_and_name_of_the_review_is_there() -> None:
    named = re.findall(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|md|txt))(?::(\w+))?`", PAGE.read_text())
    assert len(named) > 30
    for path, symbol in named:
        place = next((base / path for base in (ROOT, SRC) if (base / path).exists()), None)
        assert place is not None, path
        assert not symbol or re.search(rf"\b{symbol}\b", place.read_text()), f"{path}:{symbol}"


if __name__ == "__main__":
    sys.stdout.write(drawing() + "\n")
