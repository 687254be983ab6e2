"""`python -m torture faults`: every fault, or those that are named, each for so many messages; a table in the end.

With `--page` each goes into the table and the picture in `docs/reliability` as it ends; those of other runs stay.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from crash.load import HEAVY
from torture import clock, disk, failover, kills, network, page, receivers, results, trial
from torture.results import Result
from torture.trial import LIGHT, Say, Size, TrialResult

PLACE = Path("/var/tmp")  # noqa: S108 - a folder of our own in it; unlike /tmp it is never kept in memory
MESSAGES = 1_000
SECONDS = 540
"""So that a part with its start, drain and recount fits ten minutes."""

Run = Callable[[Size, Path, Say], TrialResult]


def table() -> dict[str, Run]:
    """What can be run, by `part/fault` names, in order."""
    parts = {
        "failover": failover.faults(),
        "network": network.faults(),
        "receivers": receivers.faults(),
        "disk": disk.faults(),
        "clock": clock.faults(),
    }
    found: dict[str, Run] = {f"kills/{store}": partial(kills.run, store) for store in kills.STORES}
    for part, faults in parts.items():
        found |= {f"{part}/{fault.name}": partial(trial.run, fault) for fault in faults}
    return found


def main(arguments: Sequence[str], console: Console) -> int:
    """Run them; 0 when every promise was kept."""
    known = table()
    parser = argparse.ArgumentParser(
        prog="torture faults", description="Faults under load: what was promised is counted."
    )
    parser.add_argument(
        "names", nargs="*", metavar="PART[/FAULT]", help="some alone; all of them: " + ", ".join(known)
    )
    parser.add_argument(
        "--messages", type=int, default=MESSAGES, metavar="N", help=f"so many a fault ({MESSAGES:,})"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="N", help=f"no round later ({SECONDS})")
    parser.add_argument("--seed", type=int, metavar="N", help="draws the same again; else drawn itself")
    parser.add_argument("--heavy", action="store_true", help="24 queues and batches, not 8 and one by one")
    parser.add_argument("--page", action="store_true", help="write docs/reliability/faults.md and its picture")
    given = parser.parse_args(arguments)
    chosen = [name for name in known if not given.names or _is_meant(name, given.names)]
    if not chosen or any(not any(_is_meant(name, [each]) for name in known) for each in given.names):
        parser.error("there is no such fault")
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    size = Size(given.messages, given.seconds, seed, HEAVY if given.heavy else LIGHT)
    load = "heavy load" if given.heavy else "light load"
    words = f"{load}, seed {seed}; {page.where()}"
    began, found = time.monotonic(), []
    console.print(f"Waypost faults: {len(chosen)}, {size.messages:,} messages each, {words}", style="bold")
    for name in chosen:
        begun = results.now()
        found.append(_run(name, known[name], size, console))
        if given.page:
            page.write_faults(results.keep({name: Result(found[-1], begun, words)}, list(known)))
    took = time.monotonic() - began
    console.print()
    console.print(page.table(found), markup=False)
    console.print(f"\n{len(found)} faults, {sum(each.sum('accepted') for each in found):,} messages, {took:.0f} s")
    return 1 if any(each.broken for each in found) else 0


def _is_meant(name: str, wanted: Sequence[str]) -> bool:
    return any(name == each or name.split("/")[0] == each for each in wanted)


def _run(name: str, run: Run, size: Size, console: Console) -> TrialResult:
    def say(words: str) -> None:
        console.print(f"  {words}", markup=False, style="dim")

    console.print(f"\n{name}", markup=False)
    with tempfile.TemporaryDirectory(
        prefix="waypost-torture-", dir=PLACE if PLACE.is_dir() else None, ignore_cleanup_errors=True
    ) as folder:
        found = run(size, Path(folder), say)
    if found.skipped is not None:
        say(f"skipped: {found.skipped}")
    for words in found.notes:
        say(words)
    for words in found.broken:
        console.print(f"BROKEN: {words}", markup=False, style="red")
    return found
