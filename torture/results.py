"""What trials found, kept in `docs/reliability/faults.json` from run to run: the page is drawn from all of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from torture.trial import TrialResult

KEPT = Path(__file__).parents[1] / "docs" / "reliability" / "faults.json"


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial found, when it began (UTC), and how it was run."""

    found: TrialResult
    begun: str
    how: str


def now() -> str:
    """The time as a result has it."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime())


def keep(new: Mapping[str, Result], known: Sequence[str], kept: Path = KEPT) -> list[Result]:
    """All results, in the order of the known faults: the new ones, and of the others those of before."""
    before = msgspec.json.decode(kept.read_bytes(), type=dict[str, Result]) if kept.exists() else {}
    rows = {name: result for name in known if (result := (before | dict(new)).get(name))}
    lines = [msgspec.json.encode({name: result})[1:-1] for name, result in rows.items()]  # one each, to compare
    kept.write_bytes(b"{\n" + b",\n".join(lines) + b"\n}\n")
    return list(rows.values())
