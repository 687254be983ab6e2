"""A new kind of destination, as CONTRIBUTING.md says: `kind/example.py` and one line, in a copy of the source.

It keeps the contract of every store, and what is tested of each kind in the table holds for it with no word more.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = Path("src", "waypost", "destinations", "kinds")
TESTS = {
    "tests/docs/kind/contract_example.py": 11,
    "tests/destinations/kinds/test_declarations.py": 90,
    "tests/dashboard/test_destination_setup.py": 20,
}
"""With how many tests each has at the least."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with the kind in it."""
    made = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "src", made / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "docs" / "kind" / "example.py", made / KINDS)
    table = made / KINDS / "__init__.py"
    before, end = table.read_text(), "    )\n}"
    assert before.count(end) == 1
    line = "from waypost.destinations.kinds import example\n"
    table.write_text(
        before.replace("from waypost", f"{line}from waypost", 1).replace(end, f"        example.KIND,\n{end}")
    )
    return made


def test_a_kind_that_is_no_http_and_takes_no_credential_is_a_file_and_a_line(tree: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *TESTS],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert ran.stdout.count(".") > sum(TESTS.values())
