"""Rounds in which everybody in the race does the same, in an order that turns; who fails drops out."""

from collections.abc import Callable, Sequence

from bench.figure import Figure, Goal, Unit, at_least, short
from bench.interleaving import Round, measured, median
from bench.peers.contestant import Contestant, Size
from bench.processes import BenchFailed
from waypost.demo.progress import Steps

OURS = ("Waypost on SQLite", "Waypost on PostgreSQL")
TARGETS = {"BullMQ's best": 1.0, "Celery, prefork": 8.0, "Celery, gevent": 8.0, "procrastinate": 8.0}
"""What Waypost on SQLite should deliver, in times of each."""

Rounds = dict[str, list[Round]]
"""By contestant, a round's numbers each."""


class Race:
    """Who takes part, and why somebody no longer does."""

    def __init__(self, contestants: Sequence[Contestant], size: Size, progress: Steps) -> None:
        self._running = list(contestants)
        self._size = size
        self._progress = progress
        self.failed: list[str] = []

    def run(self, words: str, ask: Callable[[Contestant], Round], *, warm_up: bool) -> Rounds:
        """What each found, of those who came through every round."""
        found: Rounds = {}
        with self._progress.bar(words, self._size.rounds) as advance:
            for number in range(-1 if warm_up else 0, self._size.rounds):
                turn = number % max(1, len(self._running))
                for each in [*self._running[turn:], *self._running[:turn]]:
                    result = self._asked(words, each, ask)
                    if result is not None and number >= 0:
                        found.setdefault(each.name, []).append(result)
                advance(number + 1)
        names = [each.name for each in self._running]
        return {name: found[name] for name in names if name in found}

    def _asked(self, words: str, one: Contestant, ask: Callable[[Contestant], Round]) -> Round | None:
        try:
            result = ask(one)
        except BenchFailed as error:
            self._running.remove(one)
            self.failed.append(f"{one.name}, {words.lower()}: {error}")
            self._progress.say(f"Out: {self.failed[-1]}")
            return None
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in result.items())
        self._progress.say(f"{one.name}: {numbers}")
        return result


def ratios(found: Rounds, key: str, verb: str, what: str, *, targets: bool) -> list[Figure]:
    """Ours against each of theirs, round by round; the best of BullMQ's settings counts as one more."""
    theirs = {name: rounds for name, rounds in found.items() if name not in OURS}
    if best := _best([rounds for name, rounds in theirs.items() if name.startswith("BullMQ")], key):
        theirs["BullMQ's best"] = best
    figures = []
    for ours in (name for name in OURS if name in found):
        for name, rounds in theirs.items():
            limit = TARGETS.get(name) if targets and ours == OURS[0] else None
            figures.append(_ratio(f"{verb}: {ours} against {name}", found[ours], rounds, key, what, limit))
    return figures


def each(found: Rounds, key: str, words: str, unit: Unit, what: str) -> list[Figure]:
    """The same number of everybody, as it is."""
    return [
        Figure(f"{words}: {name}", unit, tuple(one[key] for one in rounds), "absolute", what)
        for name, rounds in found.items()
    ]


def _ratio(
    name: str, ours: Sequence[Round], theirs: Sequence[Round], key: str, what: str, limit: float | None
) -> Figure:
    values = tuple(measured(one, key) / measured(other, key) for one, other in zip(ours, theirs, strict=True))
    behind = f"{short(median(ours, key))}/s against {short(median(theirs, key))}/s"
    target: Goal | None = None if limit is None else at_least(limit)
    return Figure(name, "ratio", values, behind, what, target)


def _best(settings: Sequence[Sequence[Round]], key: str) -> list[Round]:
    """In each round the better of them."""
    return [max(rounds, key=lambda one: one[key]) for rounds in zip(*settings, strict=True)]
