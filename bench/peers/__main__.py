"""`python -m bench.peers [--full] [--only NAME] [--rounds N]` measures, and writes `docs/performance/peers.md`."""

import dataclasses
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from bench import asking, npm, report
from bench.__main__ import PAGE as OURS
from bench.__main__ import PLACE
from bench.asking import FEWEST_ROUNDS
from bench.machine import Machine, machine
from bench.peers import race
from bench.peers.contestant import FULL, Contestant, Size
from bench.peers.field import NAMES, Field
from bench.peers.installing import FOLDER, REQUIREMENTS
from bench.peers.race import Race
from bench.peers.stores import redis_version
from bench.processes import BenchFailed, Child
from bench.report import Section
from servers.postgresql import ServerFailed
from waypost.demo.progress import Steps
from waypost.demo.server import DemoFailed

PAGE = OURS.with_name("peers.md")

Entered = Callable[[Field, str], Iterable[Contestant]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the race; 0 when everybody came through."""
    asked = asking.parser(
        "bench.peers", "Waypost beside what a team would pick.", names=NAMES, full="measure more, for longer"
    )
    given = asked.parse_args(arguments)
    size = FULL if given.full else Size()
    size = dataclasses.replace(size, rounds=given.rounds or size.rounds)
    counts = size.rounds >= FEWEST_ROUNDS and not given.only
    return asking.ended(lambda console: run(size, console, PAGE if counts else None, given.only or NAMES))


def run(
    size: Size,
    console: Console,
    page: Path | None,
    names: Sequence[str] = NAMES,
    *,
    entered: Entered = Field.entered,
) -> bool:
    """Measure, print the tables, and write the page if there is to be one; whether everybody came through.

    `entered` starts the contestants of a name.
    """
    began, progress = time.monotonic(), Steps(console)
    with tempfile.TemporaryDirectory(prefix="waypost-peers-", dir=PLACE if PLACE.is_dir() else None) as place:
        folder = Path(place)
        found = _with_peers(machine(folder))
        console.print("Waypost and its peers: other work on this machine shows in the figures", style="bold")
        with (
            ExitStack() as stack,
            Child("bench.load", log=folder / "load.log") as load,
            Child("bench.sink", log=folder / "sink.log") as sink,
        ):
            field = Field(stack, load, sink, size, folder)
            contestants, absent = _entered(field, names, progress, entered)
            sections, failed = _measured(contestants, size, progress)
            stack.close()
    sections[0] = dataclasses.replace(sections[0], failed=(*absent, *failed))
    seconds = time.monotonic() - began
    for section in sections:
        console.print(f"\n{section.title}\n", style="bold")
        console.print(report.table(section.figures), markup=False, soft_wrap=True)
    for words in sections[0].failed:
        console.print(f"Not measured: {words}", markup=False, soft_wrap=True)
    console.print(f"\n{report.summary(sections)} The run took {seconds / 60:.1f} minutes.", soft_wrap=True)
    if page is not None:
        report.write(page, _head(size, contestants), sections, found, seconds)
        console.print(f"Written: {page}", markup=False, soft_wrap=True)
    return not sections[0].failed


def _entered(
    field: Field, names: Sequence[str], progress: Steps, entered: Entered
) -> tuple[list[Contestant], list[str]]:
    """Everybody who can be started, and why the others cannot."""
    contestants: list[Contestant] = []
    absent = []
    for name in names:
        try:
            with progress.step(f"Starting {name}"):
                contestants += entered(field, name)
        except (BenchFailed, DemoFailed, ServerFailed) as error:
            absent.append(f"{name}: {error}")
            progress.say(f"Not there: {absent[-1]}")
    return contestants, absent


def _measured(contestants: Sequence[Contestant], size: Size, progress: Steps) -> tuple[list[Section], list[str]]:
    running = Race(contestants, size, progress)
    carried = running.run("Carry", lambda one: one.carried(), warm_up=True)
    paced = running.run("Latency", lambda one: one.paced(), warm_up=False)
    killed = running.run("Kill", lambda one: one.killed(), warm_up=False)
    drain = (
        f"a backlog of {size.count} messages is delivered by one worker, with what it starts of itself: messages a"
        " second between the first and the last that the receiver gets"
    )
    bulk = f"the same {size.count} messages are taken in before, by each one's own way for many (Celery has none)"
    pace = (
        f"{size.rate} messages a second for {size.pace_seconds:g} s, from before a message is sent to its receipt"
    )
    kill = (
        f"{size.kill_count} messages wait, the receiver takes {size.kill_delay * 1000:.0f} ms for each; a third is"
        " delivered when the worker is killed with all its processes (`kill -9`); it is started again a second"
        f" later. Counted {size.patience_seconds:g} s after that"
    )
    return [
        Section("Throughput", (
            *race.ratios(carried, "delivered", "delivered", f"{drain}.", targets=True),
            *race.ratios(carried, "accepted", "taken in", f"{bulk}.", targets=False),
        )),
        Section("Latency", (
            *race.each(paced, "p50", "send to receipt, p50", "ms", f"{pace}; half of them."),
            *race.each(paced, "p99", "send to receipt, p99", "ms", f"{pace}; 99 in 100."),
        )),
        Section("After a kill", (
            *race.each(killed, "moves", "until anything moves", "s", f"{kill}: the time to the next receipt."),
            *race.each(killed, "last", "until the last receipt", "s", f"{kill}: the time to the last receipt until"
                       " then."),
            *race.each(killed, "stranded", "stranded", "messages", f"{kill}: not delivered, still in its store."),
            *race.each(killed, "lost", "lost", "messages", f"{kill}: not delivered, and not in its store either."),
            *race.each(killed, "repeated", "delivered twice", "messages", f"{kill}."),
        )),
    ], running.failed  # fmt: skip


def _head(size: Size, contestants: Sequence[Contestant]) -> str:
    settings = "\n".join(f"- **{one.name}**: {one.about}." for one in contestants)
    return f"""# Beside its peers

`make bench-peers` measures and writes this page; nothing here is written by hand.
[How to read it](how-to-read.md).

The same 2 KiB messages go through what a team would pick instead of Waypost, to the same receiver, in turns in
one run on one machine: {size.rounds} rounds, of which the median counts. Each runs with the settings that its own
documents recommend for work like this; one worker each, on the same cores as everything else. None of them but
Waypost keeps the messages of a destination in order, and none has credentials, holds, logs or a PATCH: what is
compared is carrying alone.

{settings}"""


def _with_peers(found: Machine) -> Machine:
    """Their versions too."""
    locked = [line.split()[0] for line in REQUIREMENTS.read_text().splitlines() if "==" in line[:40]]
    python = [
        each.replace("==", " ") for each in locked if each.split("==")[0] in {"celery", "procrastinate", "gevent"}
    ]
    node = [f"{name} {npm.version(FOLDER, name)}" for name in ("bullmq", "ioredis", "pg-boss", "undici")]
    versions = [*python, *node, f"Node {_node_version()}", f"Redis {redis_version() or 'absent'}"]
    return Machine((*found.lines, f"peers: {', '.join(versions)}; {platform.machine()}"))


def _node_version() -> str:
    found = shutil.which("node")
    if found is None:
        return "absent"
    ran = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return ran.stdout.strip().removeprefix("v")


if __name__ == "__main__":
    sys.exit(main())
