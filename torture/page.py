"""`docs/reliability/faults.md`, written by the commands: each writes its own section and its picture."""

import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure
from bench.picture import picture
from torture.results import Result
from torture.trial import TrialResult

PLACE = Path(__file__).parents[1] / "docs" / "reliability"
PAGE = PLACE / "faults.md"
HEAD = """# What was measured

Written by `make torture`; [how to read it](README.md).
"""
COLUMNS = (
    "fault", "store", "rounds", "accepted", "delivered", "lost", "repeated", "inverted",
    "most repeats of a queue", "moves again: median / max", "without a fault",
)  # fmt: skip


def table(found: Sequence[TrialResult]) -> str:
    """A line for each fault, in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * (len(COLUMNS) - 2)]
    return "\n".join([*lines, *map(_line, found)])


def write_faults(results: Sequence[Result], place: Path = PLACE) -> None:
    """The section of the faults, and their picture: of all that is kept, whenever it was run."""
    found = [each.found for each in results]
    place.joinpath("faults.svg").write_text(_picture(found))
    notes = [f"- **{each.name}** ({each.store}): {words}." for each in found for words in each.notes]
    wrong = [f"- **{each.name}** ({each.store}): {words}" for each in found for words in each.broken]
    accepted, seconds = sum(each.sum("accepted") for each in found), sum(each.seconds for each in found)
    repeated = sum(each.sum("repeated") for each in found)
    words = (
        f"{len(found)} faults, {sum(each.rounds for each in found):,} rounds, {accepted:,} messages accepted in"
        f" {seconds / 60:.0f} minutes; {repeated:,} came twice. Each fault is a trial of its own; one that is run"
        " again takes the place of its line."
    )
    parts = ["## Faults", words, table(found), "![How long until every queue moves again](faults.svg)"]
    parts += ["\n".join(notes)] if notes else []
    parts += ["When each was run:", "\n".join(_runs(results))]
    parts += ["**Broken**\n\n" + "\n".join(wrong)] if wrong else []
    write("faults", "\n\n".join(parts), place / PAGE.name)


def _runs(results: Sequence[Result]) -> list[str]:
    """Those that were run alike, with the minute at which each began."""
    alike: dict[str, list[Result]] = {}
    for each in results:
        alike.setdefault(each.how, []).append(each)
    return [
        f"- {how}: {', '.join(f'{each.found.name} ({each.found.store}) {each.begun[-5:]}' for each in group)}."
        for how, group in alike.items()
    ]


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


def _line(found: TrialResult) -> str:
    if found.skipped is not None:
        return f"| {found.name} | {found.store} | skipped: {found.skipped} |" + " |" * (len(COLUMNS) - 3)
    counted = {name: f"{found.sum(name):,}" for name in ("accepted", "delivered", "lost", "repeated", "inverted")}
    if found.together is not None:
        counted["repeated"] += f" (≤ {found.together:,})"
    times = f"{found.median:.1f} / {max(found.recovered, default=0):.1f} s"
    usual = f"{statistics.median(found.usual):.1f} s" if found.usual else "–"
    cells = [
        found.name,
        found.store,
        f"{found.rounds:,}",
        *counted.values(),
        f"{found.worst} (≤ {found.repeats:,})",
        times,
        usual,
    ]
    return f"| {' | '.join(cells)} |"


def _picture(found: Sequence[TrialResult]) -> str:
    figures = [
        Figure(f"{each.name} ({each.store})", "s", tuple(max(0.01, one) for one in each.recovered), "", "")
        for each in found
        if each.recovered
    ]
    return picture(figures, "Until every queue moves again")
