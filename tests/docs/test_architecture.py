"""The map in ARCHITECTURE.md, held against the imports of the code."""

import ast
import graphlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "waypost"
CODE = (
    "bench",
    "crash",
    "examples",
    "manual",
    "requirements",
    "screenshots",
    "servers",
    "src/waypost",
    "tests",
    "torture",
)
APART = {"node_modules", ".venv"}
"""Folders with what others wrote."""
STREETS = ("src/waypost", "tests")
"""Folders that are none for the arrows: what lies in them counts by itself, files too."""
LATE = {
    "app.py": "the shared store's driver, which a start on SQLite does not need",
    "assembly/ground.py": "likewise",
    "cli": "so that `--help` is quick",
    "db/migrations/migrate.py": "Alembic, which most starts do not need, and that driver",
    "db/sqlite.py": "pysqlite3, which is not had everywhere",
    "notifications/sending.py": "the library for mail, which a node without a mail server does not need",
    "upkeep/service.py": "that driver",
}
"""Where imports may stand in functions, and why."""


@dataclass(frozen=True)
class Parts:
    """What is asked of a file: its imports, wherever they stand; its functions with their first and last line."""

    imports: tuple[ast.Import | ast.ImportFrom, ...]
    functions: tuple[tuple[str, int, int], ...]


@cache
def parts(path: Path) -> Parts:
    """A file, taken apart once. The rest of its tree is let go: the collector would look through it for long."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return Parts(
        tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)),
        tuple((node.name, node.lineno, node.end_lineno or node.lineno) for node in functions),
    )


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


def imports(path: Path) -> set[str]:
    """The units that a file imports from."""
    modules: set[str] = set()
    for node in parts(path).imports:
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, "imports are absolute"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {module.split(".")[1] for module in modules if module.startswith("waypost.")}


def arrows(src: Path) -> dict[str, set[str]]:
    """From each unit to those it imports from, itself left out."""
    found = units(src)
    return {
        name: {target for path in paths for target in imports(path)} & found.keys() - {name}
        for name, paths in found.items()
    }


def modules(root: Path) -> dict[str, Path]:
    """Every module of the repository by its dotted name."""
    found = {}
    for folder in CODE:
        for path in sorted((root / folder).rglob("*.py")):
            if not APART & set(path.parts):
                words = path.relative_to(root).with_suffix("").parts
                found[".".join(words).removeprefix("src.").removesuffix(".__init__")] = path
    return found


def leanings(found: dict[str, Path]) -> dict[str, set[str]]:
    """From each module to those that it imports, wherever in it."""
    drawn = {}
    for name, path in found.items():
        targets = set()
        for node in parts(path).imports:
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            else:
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= (whole & found.keys()) or {str(node.module)}
        drawn[name] = targets & found.keys() - {name}
    return drawn


def folders(root: Path) -> dict[str, set[str]]:
    """From each folder of the repository, at any depth, to those that it leans on.

    Where the ways to two files part, one folder leans on the other, with all that is in them; a file that lies
    there already stands for that folder itself.
    """
    found = modules(root)
    drawn: dict[str, set[str]] = {}
    for module, targets in leanings(found).items():
        way = _way(found[module], root)
        for target in targets:
            one, other = _parting(way, _way(found[target], root))
            if one != other:
                drawn.setdefault(one, set()).add(other)
    return drawn


def _way(path: Path, root: Path) -> list[str]:
    """The steps to a file; a street and what lies in it are one."""
    name = path.relative_to(root).as_posix()
    street = next((f"{each}/" for each in STREETS if name.startswith(f"{each}/")), "")
    first, *rest = name.removeprefix(street).split("/")
    return [street + first, *rest]


def _parting(one: list[str], other: list[str]) -> tuple[str, str]:
    at = next(number for number, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs)
    mine, theirs = ("/".join(way[: at + 1] if len(way) > at + 1 or at == 0 else way[:at]) for way in (one, other))
    return mine, theirs


def late(path: Path) -> list[int]:
    """The lines of imports inside functions."""
    lines = {node.lineno for node in parts(path).imports}
    return sorted(line for line in lines if any(first <= line <= last for _, first, last in parts(path).functions))


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


def test_no_folders_lean_on_each_other_in_a_circle_at_any_depth() -> None:
    drawn = folders(ROOT)
    assert {"src/waypost/dashboard/pages/queues", "src/waypost/errors.py", "tests/support", "torture"} <= {
        *drawn, *(target for targets in drawn.values() for target in targets)
    }  # fmt: skip
    graphlib.TopologicalSorter(drawn).prepare()


def test_no_two_files_lean_on_each_other() -> None:
    graphlib.TopologicalSorter(leanings(modules(ROOT))).prepare()


def test_imports_stand_at_the_top_of_their_file_but_where_it_is_said_why() -> None:
    found = {path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py") if late(path)}
    assert {name if name in LATE else name.partition("/")[0] for name in found} == LATE.keys()


def test_an_import_that_points_up_is_seen(tmp_path: Path) -> None:
    (tmp_path / "low.py").write_text("from waypost.high import service\n")
    (tmp_path / "high").mkdir()
    (tmp_path / "high" / "service.py").write_text("from waypost import low\n")
    drawn = arrows(tmp_path)
    assert upward(drawn, bands("```text\ntop\n  high/  x\nground\n  low.py  y\n```")) == ["low → high"]


CIRCLES = {
    "a folder and one in it": {"one/outer": "one.inner.file", "one/inner/file": "one.words"},
    "files of the product": {"low": "high.service", "high/service": "other", "other": "high.model"},
    "three neighbours": {"one/file": "two.file", "two/file": "three.file", "three/file": "one.words"},
    "neighbours, by what is in them": {"one/deep/file": "two.file", "two/other": "one.words"},
    "deep down": {"one/a/x/file": "one.a.y.file", "one/a/y/other": "one.a.x.other"},
}


@pytest.mark.parametrize("circle", CIRCLES.values(), ids=CIRCLES)
def test_folders_that_lean_on_each_other_are_seen_where_no_files_do(
    circle: dict[str, str], tmp_path: Path
) -> None:
    targets = {target.replace(".", "/") for target in circle.values()}
    for name in circle.keys() | targets:
        path = tmp_path / "src" / "waypost" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"from waypost.{circle[name]} import x\n" if name in circle else "")
    graphlib.TopologicalSorter(leanings(modules(tmp_path))).prepare()
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(folders(tmp_path)).prepare()


def test_files_that_lean_on_each_other_are_seen_and_imports_in_functions(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "one.py").write_text("from bench import other\n")
    (tmp_path / "bench" / "other.py").write_text("def late() -> None:\n    from bench.one import x\n")
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(leanings(modules(tmp_path))).prepare()
    assert late(tmp_path / "bench" / "other.py") == [2]
