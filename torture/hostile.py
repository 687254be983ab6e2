"""Hostile input at length: rounds of cases, walks and odd requests, each round in a house of its own.

A round draws other cases than the one before it; the same seed draws the same rounds.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from tests.support.house import House

from torture import odd
from torture.contract import CLOSED_PROXY, Contract, Tally
from torture.walks import walk

CASES = 50_000
OF_EACH_OPERATION = 40
WALKS = 60
ODD = 200
Say = Callable[[str], None]


def main(arguments: Sequence[str], console: Console) -> int:
    """Run it; 0 when every answer was one that it may be."""
    parser = argparse.ArgumentParser(prog="torture hostile", description="Requests of every kind.")
    parser.add_argument("--cases", type=int, default=CASES, metavar="N", help=f"at least so many ({CASES:,})")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="where the rounds begin (0)")
    parser.add_argument("--seconds", type=float, default=3_600, metavar="N", help="begin no round later (3600)")
    given = parser.parse_args(arguments)
    if given.cases < 1:
        parser.error("--cases takes 1 or more")
    console.print(f"Waypost torture, hostile input: {given.cases:,} cases from seed {given.seed}", style="bold")
    began = time.monotonic()
    found = Findings()
    number = given.seed
    while found.tally.cases < given.cases and time.monotonic() - began < given.seconds:
        found.round(number)
        number += 1
        console.print(
            f"  round {number - given.seed}: {found.tally.cases:,} cases, {len(found.tally.broken)} broken,"
            f" {time.monotonic() - began:.0f} s",
            style="dim",
        )
    return report(found, console)


class Findings:
    """What came of the rounds so far."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.documented: dict[str, set[int]] = {}

    def round(self, number: int, *, each: int = OF_EACH_OPERATION, walks: int = WALKS, odds: int = ODD) -> None:
        """One round in a new house."""
        with (
            tempfile.TemporaryDirectory(prefix="waypost-torture-") as folder,
            House(Path(folder), deliver=False, egress_proxy=CLOSED_PROXY) as house,
        ):
            contract = Contract(house, self.tally)
            self.documented = {
                f"{method} {path}": {int(status) for status in operation["responses"]}
                for (method, path), operation in contract.paths().items()
            }
            for at, operation in enumerate(contract.operations()):
                contract.try_operation(operation, each, number * 1_000 + at)
            walk(contract, walks, number)
            for at, kind in enumerate(odd.KINDS):
                odd.try_kind(house, contract.scene, kind, odds, number * 1_000 + at, self.tally)

    def unseen(self) -> list[str]:
        """Documented statuses that no case was answered, but for those that need more than a request."""
        asked = {name: statuses for name, statuses in self.documented.items() if name in self.tally.statuses}
        return [
            f"{name} {status}"
            for name, statuses in asked.items()
            for status in sorted(statuses - self.tally.statuses[name].keys() - {413, 415, 429, 503})
        ]


def report(found: Findings, console: Console) -> int:
    """Print what was answered and what was broken; 1 if anything was."""
    tally = found.tally
    statuses: Counter[int] = sum(tally.statuses.values(), Counter())
    rows = {
        "cases": tally.cases,
        "operations": len(found.documented),
        **{f"answered {status}": statuses[status] for status in sorted(statuses)},
        "documented and never answered": len(found.unseen()),
        "broken": len(tally.broken),
    }
    console.print()
    for name, value in rows.items():
        console.print(f"  {name:<32}{value:>10,}", markup=False)
    console.print()
    for one in found.unseen():
        console.print(f"never answered: {one}", markup=False, style="dim")
    for where, words in tally.broken.items():
        console.print(f"BROKEN: {where}: {words}", markup=False, style="red")
    if not tally.broken:
        console.print("Every answer was one that the document has, and none a fault of ours.")
    return 1 if tally.broken else 0
