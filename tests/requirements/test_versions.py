"""The versions of Python that are promised, said alike wherever they are said."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PROMISED = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", name)]


def test_the_page_on_installing_names_them_all() -> None:
    first = (ROOT / "docs" / "how-to" / "install.md").read_text().split("\n\n")[1]
    assert sorted(set(re.findall(r"3\.\d+", first))) == PROMISED


def test_the_oldest_is_what_pip_asks_for() -> None:
    assert PROJECT["requires-python"] == f">={PROMISED[0]}"


def test_the_image_runs_on_one_of_them() -> None:
    images = re.findall(r"^FROM python:(3\.\d+)", (ROOT / "deploy" / "Containerfile").read_text(), re.MULTILINE)
    assert set(images) <= set(PROMISED)


def test_the_examples_jobs_run_on_one_of_them() -> None:
    jobs = "".join(path.read_text() for path in (ROOT / "examples" / "ci").glob("*.yml"))
    assert set(re.findall(r'python(?:-version)?: ?"?(3\.\d+)', jobs)) <= set(PROMISED)


def test_the_lock_is_made_for_the_oldest_and_tried_for_all() -> None:
    lock = (ROOT / "requirements" / "lock").read_text()
    assert f"--python-version {PROMISED[0]}" in lock
    assert "Python :: " in lock
