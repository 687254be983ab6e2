"""docs/reference/settings.md, held against the settings."""

import re

from manual.publishing import REFERENCE
from manual.settings import page
from waypost.settings import Settings

TEXT = (REFERENCE / "settings.md").read_text()


def test_the_table_has_every_setting_with_its_default_and_description() -> None:
    assert page(TEXT) == TEXT, "make it anew: make docs"
    rows = re.findall(r"^\| `WAYPOST_(\w+)` ", TEXT, re.MULTILINE)
    assert [row.lower() for row in rows] == list(Settings.model_fields)


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
