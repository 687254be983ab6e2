"""CHANGELOG.md in its form, and held against the version."""

import re
from pathlib import Path

from waypost import __version__

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CHANGELOG.md").read_text()
RELEASES = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
GROUPS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_what_is_not_released_comes_first_and_every_release_has_its_date() -> None:
    first, *released = RELEASES
    assert first == "[Unreleased]"
    assert [line for line in released if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", line)] == []


def test_the_newest_release_is_the_version_or_the_version_is_the_one_to_come() -> None:
    released = [re.sub(r"\[(.+)\].*", r"\1", line) for line in RELEASES[1:]]
    if released:
        assert released[0] == __version__
    else:
        assert f"to become {__version__}." in TEXT


def test_changes_are_told_in_the_known_groups_each_once_a_release() -> None:
    for release in TEXT.split("\n## ")[1:]:
        groups = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert set(groups) <= GROUPS
        assert len(groups) == len(set(groups))


def test_the_version_stands_in_one_place() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert not re.search(r"^version\s*=", project, re.MULTILINE)
    assert 'dynamic = ["version"]' in project
