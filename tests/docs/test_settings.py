"""docs/reference/settings.md, held against the settings."""

import re
from pathlib import Path
from typing import Any

from waypost.settings import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text()


def written_default(value: Any) -> str:
    """A default as the table says it."""
    if value is None or value == ():
        return "unset"
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else value}`"


def test_the_table_has_every_setting_with_its_default_and_description() -> None:
    known = [
        f"| `WAYPOST_{name.upper()}` | {written_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    assert re.findall(r"^\| `.*$", TEXT, re.MULTILINE) == known


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
