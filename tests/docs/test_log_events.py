"""docs/reference/log-events.md, held against every line that the code can write."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "waypost"
PAGE = (ROOT / "docs" / "reference" / "log-events.md").read_text()
LEVELS = {"debug", "info", "warning", "error"}
TOLD_AS = {"exc_info": {"error", "where"}}
"""Fields that become others on their way (`logging.without_message`)."""

Told = tuple[str, str, frozenset[str]]


def calls() -> Iterator[ast.Call]:
    for path in sorted(SRC.rglob("*.py")):
        yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def told() -> Iterator[Told]:
    """Event, level and the fields that are named, of each call of a logger."""
    for call in calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS and call.args:
            event = call.args[0]
            if isinstance(event, ast.Constant) and isinstance(event.value, str):
                names = [each.arg for each in call.keywords if each.arg is not None]
                yield (
                    event.value,
                    call.func.attr,
                    frozenset().union(*(TOLD_AS.get(name, {name}) for name in names)),
                )


def listed() -> dict[tuple[str, str], set[str]]:
    """The page's events with their levels, and the fields of each."""
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    return {(event, level): set(re.findall(r"`(\w+)`", fields)) for event, level, fields in rows}


def test_every_line_of_the_log_is_on_the_page_with_its_fields_and_no_other() -> None:
    page, code = listed(), list(told())
    assert len(code) > 30
    background = {("<name>.rests", "warning"), ("<name>.resumed", "info"), ("<name>.failed", "error")}
    assert {(event, level) for event, level, _ in code} == page.keys() - background
    assert [(event, fields) for event, level, fields in code if not fields <= page[event, level]] == []


def test_everything_in_the_background_is_named() -> None:
    loops = [call for call in calls() if isinstance(call.func, ast.Name) and call.func.id == "Loop"]
    names = {each.args[0].value for each in loops if isinstance(each.args[0], ast.Constant)}
    named = PAGE.partition("has a name:")[2].partition("Each is tried")[0]
    assert names == set(re.findall(r"`(\w+)`", named))
