"""Hostile input at length: rounds of cases, walks and odd requests, each in a process and on a server of its own.

A round draws other cases than the one before it; the same seed draws the same rounds. As each round ends with its
processes, a long run needs no more memory than a short one.
"""

import argparse
import logging
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path

import structlog
from rich.console import Console

from torture import hostile_page, odd
from torture.contract import Contract
from torture.findings import Findings
from torture.outside import served
from torture.vitals import memory_mb
from torture.walks import walk

CASES = 50_000
OF_EACH_OPERATION = 40
WALKS = 120
ODD = 200
JOBS = 2
STOP_SECONDS = 20
Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much a round is."""

    each: int = OF_EACH_OPERATION
    walks: int = WALKS
    odds: int = ODD


def main(arguments: Sequence[str], console: Console) -> int:
    """Run it; 0 when every answer was one that it may be."""
    parser = argparse.ArgumentParser(prog="torture hostile", description="Requests of every kind.")
    parser.add_argument("--cases", type=int, default=CASES, metavar="N", help=f"at least so many ({CASES:,})")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="where the rounds begin (0)")
    parser.add_argument("--seconds", type=float, default=3_600, metavar="N", help="begin no round later (3600)")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"rounds at the same time ({JOBS})")
    parser.add_argument("--page", action="store_true", help="write what was counted into docs/reliability")
    given = parser.parse_args(arguments)
    if given.cases < 1 or given.jobs < 1:
        parser.error("--cases and --jobs take 1 or more")
    console.print(f"Waypost torture, hostile input: {given.cases:,} cases from seed {given.seed}", style="bold")
    found = run(
        given.cases, given.seed, given.jobs, given.seconds, lambda words: console.print(words, markup=False)
    )
    console.print()
    console.print(hostile_page.table(found), markup=False)
    console.print()
    for one in found.unseen():
        console.print(f"never answered: {one}", markup=False, style="dim")
    if not found.tally.broken:
        console.print("Every answer was one that the document has, and none a fault of ours.")
    if found.cases < given.cases:
        console.print(f"Only {found.cases:,} cases in {given.seconds:.0f} s.", style="red")
    if given.page:
        hostile_page.write(found, given.seed)
    return 1 if found.tally.broken or found.cases < given.cases else 0


def run(cases: int, seed: int, jobs: int, seconds: float, say: Say, size: Size | None = None) -> Findings:
    """Rounds until there were so many cases, some at the same time; begins none after so many seconds."""
    began, found = time.monotonic(), Findings()
    for one in _rounds(
        seed, jobs, size or Size(), lambda: found.cases < cases and time.monotonic() - began < seconds
    ):
        found.join(one)
        found.seconds = time.monotonic() - began
        say(
            f"  {found.rounds} rounds: {found.cases:,} of {cases:,} cases and {found.odd:,} odd requests,"
            f" {len(found.tally.broken)} broken, {found.seconds:.0f} s;"
            f" server {one.server_mb:.0f} MB, drawing {one.drawing_mb:.0f} MB"
        )
        for where, words in one.tally.broken.items():
            say(f"BROKEN: {where}: {words}")
    return found


def one_round(number: int, size: Size) -> Findings:
    """A round, in this process and on a server of its own. What makes it end early is among what is broken."""
    found = Findings(rounds=1)
    try:
        with tempfile.TemporaryDirectory(prefix="waypost-torture-") as folder, served(Path(folder)) as made:
            contract = Contract(made.callers, made.ask, found.tally)
            for (method, path), operation in contract.paths().items():
                name = f"{method} {path}"
                found.documented[name] = {int(status) for status in operation["responses"]}
                found.groups.setdefault(operation["tags"][0], []).append(name)
            for at, each in enumerate(contract.operations()):
                contract.try_operation(each, size.each, number * 1_000 + at)
            walk(contract, size.walks, number)
            for at, kind in enumerate(odd.KINDS):
                odd.try_kind(contract.scene, kind, size.odds, number * 1_000 + at, found.tally)
            found.server_mb = memory_mb(made.server.pid)
    except Exception as error:  # whatever it is: a round that did not end is no proof
        found.tally.broken[f"round {number}"] = f"{type(error).__name__}: {str(error)[:2_000]}"
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found.drawing_mb = most / (1_000_000 if sys.platform == "darwin" else 1_000)
    return found


def _rounds(seed: int, jobs: int, size: Size, goes_on: Callable[[], bool]) -> Iterator[Findings]:
    """Each round as it ends; another begins in its place as long as it goes on."""
    number, running = seed, set[Future[Findings]]()
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_ends_in_order, max_tasks_per_child=1
    ) as pool:
        try:
            while True:
                while len(running) < jobs and goes_on():
                    running.add(pool.submit(one_round, number, size))
                    number += 1
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        except BaseException:  # the rounds that run are of no use any more
            running_now = active_children()
            for process in running_now:
                process.terminate()
            for process in running_now:
                process.join(STOP_SECONDS)
                process.kill()
            raise


def _ends_in_order() -> None:
    """Have SIGTERM end the process as Ctrl-C does, so that its server ends with it, and log no requests."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
