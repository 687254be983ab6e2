"""The section of `docs/reliability/hostile-input.md` that `make torture ARGS="hostile --page"` writes."""

from collections import Counter
from pathlib import Path

import waypost
from torture import odd, page
from torture.findings import Findings

PAGE = page.PLACE / "hostile-input.md"
COLUMNS = ("operations of", "operations", "cases", "of these by a link", "2xx", "3xx", "4xx", "501", "breaches")


def table(found: Findings) -> str:
    """A line for each group of operations, one for all, one for the odd requests; in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    lines += [_line(found, name, operations) for name, operations in found.groups.items()]
    lines.append(_line(found, "**all of the document**", list(found.documented)))
    lines.append(_line(found, "odd requests", list(odd.KINDS)))
    return "\n".join(lines)


def write(found: Findings, seed: int, on: Path = PAGE) -> None:
    """The section, in its place on the page."""
    words = (
        f"Waypost {waypost.__version__}, {page.where()}: {found.cases:,} cases over the {len(found.documented)}"
        f" operations of the document and {found.odd:,} odd requests, in {found.rounds} rounds from seed {seed}"
        f" and {found.seconds / 60:.0f} minutes. A server had at most {found.server_mb:.0f} MB at the end of its"
        f" round, what drew the cases {found.drawing_mb:.0f} MB."
    )
    statuses = found.tally.of([*found.documented, *odd.KINDS])
    answered = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    broken = [f"- **{where}**: {words.splitlines()[0]}" for where, words in found.tally.broken.items()]
    parts = [words, table(found), f"Answers by status: {answered}."]
    parts += ["**Broken**\n\n" + "\n".join(broken)] if broken else ["No breach, and no 5xx but 501."]
    page.write("hostile", "\n\n".join(parts), on)


def _line(found: Findings, name: str, operations: list[str]) -> str:
    statuses = found.tally.of(operations)
    classes = Counter[int]()
    for status, count in statuses.items():
        classes[status // 100] += count
    by_link = sum(found.tally.by_link[each] for each in operations)
    breaches = sum(where.rsplit(" ", 1)[0] in operations for where in found.tally.broken)
    numbers = (statuses.total(), by_link, classes[2], classes[3], classes[4], statuses[501], breaches)
    return f"| {name} | {len(operations)} | " + " | ".join(f"{each:,}" for each in numbers) + " |"
