"""The table of docs/reference/settings.md, drawn from the settings; what stands around it is written by hand."""

import re
from typing import Any

from waypost.settings import Settings

_TABLE = re.compile(r"^\| Variable .*?(?=^\n)", re.MULTILINE | re.DOTALL)


def page(before: str) -> str:
    """The page with its table made anew."""
    rows = (
        f"| `WAYPOST_{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    )
    table = "\n".join(["| Variable | Default | What it is |", "|---|---|---|", *rows]) + "\n"
    return _TABLE.sub(lambda _: table, before)


def _default(value: Any) -> str:
    """A default as the table says it."""
    if value is None or value == ():
        return "unset"
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else value}`"
