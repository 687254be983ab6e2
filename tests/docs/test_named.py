"""What the pages name is there: tests, settings and commands."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.test_command_line import COMMANDS, taken
from waypost.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROVEN = sorted((DOCS / "explanation").glob("*.md"))
SAID = [*sorted((DOCS / "how-to").glob("*.md")), *PROVEN, ROOT / "SECURITY.md"]
PHI = DOCS / "how-to" / "deploy-for-phi.md"


@cache
def functions_of(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("page", PROVEN, ids=lambda page: str(page.name))
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`(tests/[^`:]+)(?:::(\w+))?`", page.read_text())
    assert [path for path, _ in named if not (ROOT / path).exists()] == []
    assert [f"{path}::{name}" for path, name in named if name and name not in functions_of(ROOT / path)] == []


@pytest.mark.parametrize("page", SAID, ids=lambda page: str(page.name))
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {f"WAYPOST_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"WAYPOST_[A-Z_]+[A-Z]", page.read_text()))
    assert sorted(named - known - OF_EXAMPLES) == []


OF_EXAMPLES = {"WAYPOST_URL"}
"""Variables of a reader's shell."""


def test_every_command_that_the_guide_for_phi_names_exists_with_its_options() -> None:
    named = re.findall(r"`waypost ([^`]+)`", PHI.read_text().replace("\n", " "))
    assert len(named) > 15
    for words in named:
        name = next(
            name for name in sorted(COMMANDS, key=len, reverse=True) if f"waypost {words} ".startswith(f"{name} ")
        )
        assert set(re.findall(r"--[a-z-]+", words)) <= taken(COMMANDS[name]), words
