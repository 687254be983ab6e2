"""The tests that the table of invariants names are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "invariants.md").read_text()


def functions_of(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", PAGE)
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(ROOT / path)] == []


def test_every_invariant_of_the_architecture_has_its_row() -> None:
    listed = re.findall(r"^\| (\d+) \| \*\*(.+?)\.?\*\*", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    assert re.findall(r"^\| (\d+) \| (.+?) \|", PAGE, re.MULTILINE) == listed
