"""What the pages name is there: files and folders, tests, settings and commands."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.test_command_line import COMMANDS, taken
from waypost.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FRONT = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*sorted(DOCS.rglob("*.md")), *FRONT]
HISTORY = {"docs/performance/log.md"}
"""What they say was so when it was written: the files they name may have gone since."""

MADE = {"dist", "site"}
"""Folders that `make` fills: what is in them is named, and not in the source."""
OF_READERS = {
    "WAYPOST_PORT",
    "WAYPOST_URL",
    "src/waypost/credentials/strategies/vendor.py",
    "src/waypost/dashboard/pages/weather.py",
}
"""Variables of a reader's shell, and files that a walk has the reader write."""

SOURCE = re.compile(r"[\w./-]+\.(?:py|html|css|md|toml)")
FOLDER = re.compile(r"[\w-]+(?:/[\w-]+)*/")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def there() -> frozenset[str]:
    """Every file and folder of the source, by its path and by each end of it: `html/view.py`, `view.py`."""
    roots = [each for each in ROOT.iterdir() if not each.name.startswith(".") and each.name not in MADE]
    files = [each for root in roots for each in (root, *root.rglob("*")) if "__pycache__" not in each.parts]
    return frozenset(end for each in files for end in ends(each.relative_to(ROOT).parts, is_folder=each.is_dir()))


def ends(parts: tuple[str, ...], *, is_folder: bool) -> Iterator[str]:
    for start in range(len(parts)):
        yield "/".join(parts[start:]) + ("/" if is_folder else "")


def quoted(page: Path) -> list[str]:
    """What stands in backticks on a page, outside its blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.S | re.M))


@cache
def names_in(path: Path) -> set[str]:
    """The functions and classes of a file."""
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


@every_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    if str(page.relative_to(ROOT)) in HISTORY:
        return
    top = "|".join(sorted(each.name for each in ROOT.iterdir() if f"{each.name}/" in there()))
    anywhere = re.findall(rf"(?<![\w./-])(?:{top})/[\w./-]*\w", page.read_text())
    files = [name.partition("::")[0] for name in quoted(page)]
    named = {*anywhere, *(name for name in files if SOURCE.fullmatch(name) or FOLDER.fullmatch(name))}
    gone = {name for name in named - OF_READERS if not {name, f"{name}/"} & there()}
    assert sorted(name for name in gone if name.partition("/")[0] not in MADE) == []


@every_page
def test_what_is_named_within_a_file_is_in_it(page: Path) -> None:
    """As "`Park` in `delivery/model.py`"."""
    for name, file in re.findall(r"`(\w+)` in `([\w/]+\.py)`", page.read_text()):
        found = [path for path in ROOT.glob(f"src/**/{file}") if re.search(rf"\b{name}\b", path.read_text())]
        assert found, f"{name} in {file}"


@every_page
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`(tests/[^`:]+)::(\w+)", page.read_text())
    assert [f"{path}::{name}" for path, name in named if name not in names_in(ROOT / path)] == []


@every_page
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {f"WAYPOST_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"WAYPOST_[A-Z_]+[A-Z]", page.read_text()))
    assert sorted(named - known - OF_READERS) == []


@every_page
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    for words in re.findall(r"`waypost ([^`]+)`", page.read_text().replace("\n", " ")):
        if words == "--version":
            continue
        longest = sorted(COMMANDS, key=len, reverse=True)
        name = next((name for name in longest if f"waypost {words} ".startswith(f"{name} ")), None)
        assert name is not None, words
        assert set(re.findall(r"--[a-z-]+", words)) <= taken(COMMANDS[name]), words


def test_the_pages_name_enough_for_all_this_to_mean_something() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    least = {r"`waypost [^`]+`": 50, r"`tests/[^`:]+::\w+": 50, r"`[\w/]+\.py`": 100, r"WAYPOST_[A-Z_]+": 100}
    assert {pattern for pattern, count in least.items() if len(re.findall(pattern, text)) < count} == set()
    assert {name for name in HISTORY if not (ROOT / name).exists()} == set()
    assert {name for name in OF_READERS if name not in text} == set()
