"""The crash campaign as a part: `kill -9` of nodes, and restarts of the database."""

from pathlib import Path

from bench.processes import BenchFailed
from crash import campaign
from crash.load import HEAVY
from crash.plan import Store
from torture.trial import Say, Size, TrialResult

MESSAGES_A_KILL = 500
"""About what comes between two kills: so that a size in messages means something here."""
STORES: tuple[Store, ...] = ("sqlite", "postgresql")
NAME = "kill -9 of nodes"


def run(store: Store, size: Size, place: Path, say: Say) -> TrialResult:
    """A campaign of as many kills as fit the size."""
    kills = max(3, size.messages // MESSAGES_A_KILL)
    form = size.form if size.form == HEAVY else None
    try:
        outcome = campaign.run(campaign.Size(store, kills, size.seed, size.seconds, form), place, say)
    except (BenchFailed, AssertionError) as error:
        return TrialResult(NAME, store, faults=(f"could not go on: {error}",))
    return TrialResult(
        NAME,
        store,
        rounds=outcome.kills,
        lanes=outcome.lanes,
        repeats=outcome.most_repeats,
        recovered=outcome.moving,
        usual=outcome.usual,
        seconds=outcome.seconds,
        faults=outcome.faults,
        notes=(f"{outcome.kills} kills, {outcome.restarts} restarts of the database",) if outcome.restarts else (),
    )
