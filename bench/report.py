"""What was measured, as Markdown tables and pictures: printed, and kept in `docs/performance`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure, Unit, short
from bench.machine import Machine
from bench.picture import picture

HEADINGS = ("figure", "unit", "median", "min", "max", "target", "behind it (medians)")
PICTURED: tuple[Unit, ...] = ("ratio", "ms")


@dataclass(frozen=True, slots=True)
class Section:
    """What was measured under one title, and what could not be: `notes` and `failed` say why."""

    title: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """What the names of its pictures begin with."""
        return self.title.lower().replace(" ", "-")


def table(figures: Iterable[Figure]) -> str:
    """The table, in Markdown."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|---:|---:|---:|---|---|"]
    for figure in figures:
        values = (figure.median, min(figure.rounds), max(figure.rounds))
        numbers = " | ".join(short(value) for value in values)
        verdict = figure.verdict.replace("not met", "**not met**")
        lines.append(f"| {figure.name} | {figure.unit} | {numbers} | {verdict or '–'} | {figure.behind} |")
    return "\n".join(lines)


def summary(sections: Sequence[Section]) -> str:
    """How many targets are met, in a sentence."""
    asked = [figure for section in sections for figure in section.figures if figure.target]
    missed = [figure.name for figure in asked if not figure.is_met]
    if not asked:
        return "No target is set for these."
    return f"{len(asked) - len(missed)} of {len(asked)} targets are met." + (
        f" Not met: {'; '.join(missed)}." if missed else ""
    )


def head(rounds: int) -> str:
    """How the page of the bench begins."""
    return f"""# Performance

`make bench` measures and writes this page; nothing here is written by hand. [How to read it](how-to-read.md).

A ratio compares two things that were measured in turns in the same run on the same machine, and travels to other
machines; times and sizes are absolute, and hold for this machine and this moment only. Each figure is the median
of {rounds} rounds, with the least and the greatest; whether a target is met goes by the median. Everything runs on
loopback, with server, clients and receiver in processes of their own on the same cores. Messages have 2 KiB."""


def write(page: Path, head: str, sections: Sequence[Section], machine: Machine, seconds: float) -> None:
    """The page with its pictures beside it; those of an older run go."""
    page.parent.mkdir(parents=True, exist_ok=True)
    stem = "" if page.stem == "README" else f"{page.stem}-"
    for section in sections:
        for unit in PICTURED:
            _pictured(page.parent / _name(stem, section, unit), section, unit)
    page.write_text(_page(head, sections, machine, seconds, stem))


def _page(head: str, sections: Sequence[Section], machine: Machine, seconds: float, stem: str) -> str:
    parts = [head, f"{summary(sections)} The run took {seconds / 60:.1f} minutes."]
    for section in sections:
        parts += [f"## {section.title}"]
        parts += [
            f"![{section.title}: {unit}]({_name(stem, section, unit)})"
            for unit in PICTURED
            if any(figure.unit == unit for figure in section.figures)
        ]
        if section.figures:
            parts.append(table(section.figures))
        missing = (*section.failed, *section.notes)
        parts += ["\n".join(f"- Not measured: {words}" for words in missing)] if missing else []
    parts += ["## The figures", "\n".join(_described(sections))]
    parts += ["## The machine", "\n".join(f"- {line}" for line in machine.lines)]
    return "\n\n".join(parts) + "\n"


def _described(sections: Sequence[Section]) -> list[str]:
    """What each figure is, once however many sections have it."""
    about = {figure.name: figure.what for section in sections for figure in section.figures}
    return [f"- **{name}**: {what}" for name, what in about.items()]


def _name(stem: str, section: Section, unit: Unit) -> str:
    return f"{stem}{section.stem}-{'ratios' if unit == 'ratio' else 'times'}.svg"


def _pictured(path: Path, section: Section, unit: Unit) -> None:
    figures = [figure for figure in section.figures if figure.unit == unit]
    if figures:
        path.write_text(picture(figures, section.title))
    else:
        path.unlink(missing_ok=True)
