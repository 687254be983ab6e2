"""docs/reference/destination-kinds.md, held against what the kinds declare; and the walk in CONTRIBUTING.md.

A new kind gets some lines by hand. Each kind in the table is asked for them, so that none is forgotten.
"""

import ast
import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from waypost.destinations import kinds
from waypost.destinations.kinds import CLOUD
from waypost.destinations.kinds.kind import CloudKind
from waypost.destinations.kinds.page import page

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "destinations" / "kinds"
CONTRACTS = {"Contract", "OverHttp"}

every_kind = pytest.mark.parametrize("kind", CLOUD.values(), ids=lambda kind: str(kind.name))


def section(path: str, heading: str) -> str:
    """What stands below a heading of a page, to the next one."""
    return re.split(r"\n#+ ", (ROOT / path).read_text().split(f"\n{heading}\n", 1)[1], maxsplit=1)[0]


def row(path: str, beginning: str) -> str:
    """The one row of a table on a page that begins like this."""
    (found,) = (line for line in (ROOT / path).read_text().splitlines() if line.startswith(f"| {beginning} |"))
    return found


def named(kind: CloudKind) -> str:
    return f"`{kind.provider}`/`{kind.product}`"


def test_the_page_is_what_the_kinds_declare() -> None:
    assert (ROOT / "docs" / "reference" / "destination-kinds.md").read_text() == page()


@every_kind
def test_every_cloud_kind_stands_beside_create_destination(kind: CloudKind) -> None:
    assert named(kind) in row("docs/compatibility.md", "Create destination")


@every_kind
def test_every_cloud_kind_has_its_settings_and_its_host_among_our_choices(kind: CloudKind) -> None:
    said = " ".join(section("docs/compatibility.md", "### Cloud destinations").split())
    taken = re.findall(re.escape(named(kind)) + r" takes `\{([\w, ]+)\}`", said)
    assert [set(names.split(", ")) for names in taken] == [set(kind.settings.model_fields)]
    assert f"`{kind.variable}`" in said


@every_kind
def test_every_cloud_kind_is_in_the_glossary(kind: CloudKind) -> None:
    assert named(kind) in row("ARCHITECTURE.md", "kind")


@every_kind
def test_every_cloud_kind_is_in_the_wizards_table_by_its_title(kind: CloudKind) -> None:
    asked = row("docs/how-to/set-up-a-destination-with-the-wizard.md", kind.title.removesuffix(" (ours)"))
    assert len(asked.split("|")[2].strip()) > 0


@every_kind
def test_every_cloud_kind_has_a_contract_test(kind: CloudKind) -> None:
    path = TESTS / f"test_{module_of(kind)}.py"
    classes = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
    assert [each.name for each in classes if {ast.unparse(base) for base in each.bases} & CONTRACTS]


def module_of(kind: CloudKind) -> str:
    """The file in `kinds/` that declares it."""
    modules = {each.name: import_module(f"{kinds.__name__}.{each.name}") for each in iter_modules(kinds.__path__)}
    (found,) = (name for name, module in modules.items() if getattr(module, "KIND", None) is kind)
    return found


def test_the_files_that_the_walk_names_are_there() -> None:
    walk = section("CONTRIBUTING.md", "## A new kind of destination")
    found = re.findall(r"`((?:src|tests|docs)/[\w./-]+\.\w+)`", walk)
    assert len(found) >= 4
    assert [path for path in found if not (ROOT / path).exists()] == []
