"""`docs/reliability/faults.md`, written by the commands: each writes its own section and its picture."""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure
from bench.picture import picture
from torture.trial import Found

PLACE = Path(__file__).parents[1] / "docs" / "reliability"
PAGE = PLACE / "faults.md"
HEAD = """# What was measured

Written by `make torture`; [how to read it](README.md).
"""
COLUMNS = (
    "fault", "store", "rounds", "accepted", "delivered", "lost", "repeated", "inverted",
    "most repeats of a queue", "moves again: median / max",
)  # fmt: skip


def table(found: Sequence[Found]) -> str:
    """A line for each fault, in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * (len(COLUMNS) - 2)]
    return "\n".join([*lines, *map(_line, found)])


def write_faults(found: Sequence[Found], seed: int, seconds: float) -> None:
    """The section of the faults, and their picture."""
    PLACE.joinpath("faults.svg").write_text(_picture(found))
    notes = [f"- **{each.name}** ({each.store}): {words}." for each in found for words in each.notes]
    wrong = [f"- **{each.name}** ({each.store}): {words}" for each in found for words in each.broken]
    total = sum(each.sum("accepted") for each in found)
    words = f"{len(found)} faults, {total:,} messages in {seconds / 60:.0f} minutes, seed {seed}; {where()}."
    parts = ["## Faults", words, table(found), "![How long until every queue moves again](faults.svg)"]
    parts += ["\n".join(notes)] if notes else []
    parts += ["**Broken**\n\n" + "\n".join(wrong)] if wrong else []
    write("faults", "\n\n".join(parts))


def write(section: str, text: str, to: Path | None = None) -> None:
    """Put a section in its place on the page of the faults, or on another; or behind the others."""
    page = to or PAGE
    begin, end = f"<!-- {section} -->", f"<!-- end of {section} -->"
    before = page.read_text() if page.exists() else HEAD
    whole = f"{begin}\n\n{text}\n\n{end}"
    if begin in before:
        head, _, rest = before.partition(begin)
        page.write_text(head + whole + rest.partition(end)[2])
    else:
        page.write_text(f"{before.rstrip()}\n\n{whole}\n")


def where() -> str:
    """On what it was measured, and when."""
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()},"
        f" {time.strftime('%Y-%m-%d', time.gmtime())}"
    )


def _line(found: Found) -> str:
    if found.skipped is not None:
        return f"| {found.name} | {found.store} | skipped: {found.skipped} |" + " |" * (len(COLUMNS) - 3)
    counted = (f"{found.sum(name):,}" for name in ("accepted", "delivered", "lost", "repeated", "inverted"))
    times = f"{found.median:.1f} / {max(found.recovered, default=0):.1f} s"
    cells = [found.name, found.store, f"{found.rounds:,}", *counted, f"{found.worst} (≤ {found.repeats:,})", times]
    return f"| {' | '.join(cells)} |"


def _picture(found: Sequence[Found]) -> str:
    figures = [
        Figure(f"{each.name} ({each.store})", "s", tuple(max(0.01, one) for one in each.recovered), "", "")
        for each in found
        if each.recovered
    ]
    return picture(figures, "Until every queue moves again")
