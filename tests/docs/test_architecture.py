"""The map in ARCHITECTURE.md, held against the imports of the code."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "waypost"
MAY_IMPORT_LATE = {"cli", "__main__"}


def bands(text: str) -> dict[str, int]:
    """Each folder or module of the map with the number of its band, the lowest band being the highest number."""
    block = text.split("```text\n", 1)[1].split("```", 1)[0]
    found: dict[str, int] = {}
    band = -1
    for line in block.splitlines():
        if not line.startswith(" "):
            band += 1
        else:
            found[re.sub(r"(/|\.py)$", "", line.split()[0])] = band
    return found


def units(src: Path) -> dict[str, list[Path]]:
    """Each folder and each module that stands alone, with its files."""
    found: dict[str, list[Path]] = {}
    for path in sorted(src.rglob("*.py")):
        name = path.relative_to(src).parts[0].removesuffix(".py")
        if name != "__init__":
            found.setdefault(name, []).append(path)
    return found


def imports(tree: ast.AST) -> set[str]:
    """The units that a piece of code imports from."""
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {module.split(".")[1] for module in modules if module.startswith("waypost.")}


def arrows(src: Path) -> dict[str, set[str]]:
    """From each unit to those it imports from, itself left out."""
    found = units(src)
    return {
        name: {target for path in paths for target in imports(ast.parse(path.read_text()))} & found.keys() - {name}
        for name, paths in found.items()
    }


def upward(drawn: dict[str, set[str]], places: dict[str, int]) -> list[str]:
    return [
        f"{name} → {target}"
        for name, targets in sorted(drawn.items())
        for target in sorted(targets)
        if name in places and places.get(target, 0) < places[name]
    ]


@pytest.fixture(scope="module")
def places() -> dict[str, int]:
    return bands((ROOT / "ARCHITECTURE.md").read_text())


def test_every_folder_and_module_stands_on_the_map(places: dict[str, int]) -> None:
    assert sorted(units(SRC).keys() - places.keys()) == []


def test_the_map_has_four_bands(places: dict[str, int]) -> None:
    assert {places[name] for name in ("cli", "delivery", "destinations", "web")} == {0, 1, 2, 3}


def test_no_import_points_up(places: dict[str, int]) -> None:
    assert upward(arrows(SRC), places) == []


def test_no_two_folders_lean_on_each_other() -> None:
    graphlib.TopologicalSorter(arrows(SRC)).prepare()


def test_imports_stand_at_the_top_of_their_file() -> None:
    late = [
        f"{path.relative_to(SRC)}:{function.lineno}"
        for name, paths in units(SRC).items()
        if name not in MAY_IMPORT_LATE
        for path in paths
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and imports(function)
    ]
    assert late == []


def test_an_import_that_points_up_is_seen(tmp_path: Path) -> None:
    (tmp_path / "low.py").write_text("from waypost.high import service\n")
    (tmp_path / "high").mkdir()
    (tmp_path / "high" / "service.py").write_text("from waypost import low\n")
    drawn = arrows(tmp_path)
    assert upward(drawn, bands("```text\ntop\n  high/  x\nground\n  low.py  y\n```")) == ["low → high"]
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(drawn).prepare()
