"""The front page's table of what was tried, with the figures of the pages that campaigns and benchmarks write."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FAULTS = "docs/reliability/faults.md"
HOSTILE = "docs/reliability/hostile-input.md"
FIGURES = "docs/performance/README.md"
PEERS = "docs/performance/peers.md"

_PLACE = re.compile(r"(?<=<!-- made by make docs -->\n).*?(?=<!-- end -->)", re.DOTALL)


def page(before: str) -> str:
    """The front page with its table made anew. Raises LookupError when a page has not what the table tells."""
    if not _PLACE.search(before):
        raise LookupError("the front page has no place for the table")
    table = "\n".join(["| tried | seen |", "|---|---|", *_rows()])
    return _PLACE.sub(lambda _: f"\n{table}\n\n", before)


def _rows() -> Iterator[str]:
    faults, hostile, figures, peers = ((ROOT / path).read_text() for path in (FAULTS, HOSTILE, FIGURES, PEERS))
    count, accepted, twice = _said(r"(\d+) faults, .*?([\d,]+) messages accepted.*?([\d,]+) came twice", faults)
    lost, inverted = (_sum(faults, column) for column in ("lost", "inverted"))
    yield (
        f"| [{count} faults under load]({FAULTS}): kills, fail-over, networks, disks, clocks, receivers "
        f"| {accepted} messages accepted: {lost} lost, {inverted} out of order, {twice} came twice |"
    )
    _, cases, *_, breaches = _row(hostile, "**all of the document**")[1:]
    yield (
        f"| [hostile input]({HOSTILE}): requests of every kind that the API's document has, and has not "
        f"| {cases} of them: {breaches} breaches |"
    )
    (rate,) = _said(r"accept to receipt, p50\*\*: (\d+) messages a second", figures)
    (cores,) = _said(r"(\d+) cores", figures)
    half, most = (_median(figures, f"accept to receipt, {part}") for part in ("p50", "p99"))
    yield (
        f"| [from request to receiver]({FIGURES}), each message on disk before it is answered "
        f"| half within {half} ms, 99 in 100 within {most} ms, at {rate} a second on {cores} cores |"
    )
    rates = {
        name: _behind(peers, f"delivered: Waypost on SQLite against {name}")
        for name in ("BullMQ's best", "pg-boss", "Celery, prefork", "procrastinate")
    }
    ours = [
        _behind(peers, f"delivered: Waypost on {store} against pg-boss")[0] for store in ("SQLite", "PostgreSQL")
    ]
    theirs = ", ".join(f"{name.replace(', prefork', '')} {rate}" for name, (_, rate) in rates.items())
    yield (
        f"| [beside its peers]({PEERS}), messages delivered "
        f"| {ours[0]} on SQLite and {ours[1]} on PostgreSQL, each queue in order; {theirs} |"
    )
    (met, all_), (met_beside, all_beside) = (
        _said(r"(\d+) of (\d+) targets are met", text) for text in (figures, peers)
    )
    yield (
        f"| what we wanted: [targets]({FIGURES}), and [beside peers]({PEERS}) "
        f"| {met} of {all_} and {met_beside} of {all_beside} are met; each page begins with those that are not |"
    )


def _said(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    if found is None:
        raise LookupError(f"no page says so any more: {pattern}")
    return found.groups()


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _sum(text: str, column: str) -> int:
    """What stands in this column of the first table that has it, added up."""
    rows = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    start = next(number for number, row in enumerate(rows) if column in _cells(row))
    head = _cells(rows[start])
    same = [cells for row in rows[start + 2 :] if len(cells := _cells(row)) == len(head)]
    return sum(int(cells[head.index(column)].replace(",", "")) for cells in same)


def _row(text: str, figure: str) -> list[str]:
    return next(cells for line in text.splitlines() if (cells := _cells(line))[0] == figure)


def _median(text: str, figure: str) -> str:
    return _row(text, figure)[2]


def _behind(text: str, figure: str) -> tuple[str, str]:
    """The two plain numbers that a ratio comes from."""
    ours, theirs = _row(text, figure)[6].split(" against ")
    return ours, theirs
