"""What a message costs among many queues, some dead and one very deep, against few queues with short tails."""

from contextlib import ExitStack
from typing import Any

from bench.figure import Figure, Target, at_most, percentile
from bench.interleaving import Round, absolute, interleaved, median, ratio
from bench.processes import BenchFailed, Child
from bench.stage import Bench, Size, server

DEAD = 20
"""One queue in so many is dead."""
REST_SECONDS = 1.0
MANY = 20_000
"""Up to so many queues a claim may cost 1.2 times what it costs among few, with more 1.3 times."""
PLAIN_CALLS = 5


class _Side:
    """A server with its queues; `dead` and `crowd` are nothing among the few."""

    def __init__(self, made: Child, sink: Child, size: Size, filled: int, dead: int, ends: dict[str, Any]) -> None:
        self.server, self.sink, self.size, self.ends = made, sink, size, ends
        self._refilled = {"filled": filled, "dead": dead, "crowd": ends["crowd"] if dead else ""}
        self._count = filled * size.scale_tail

    def refill(self) -> None:
        """Everything waits, and nothing is delivered."""
        self.server.ask("rest", within_seconds=REST_SECONDS)
        self.sink.ask("close_hole")
        self.server.ask("refill", **self._refilled)
        self.sink.ask("reset")

    def claim(self, name: str) -> Round:
        """What finding a message costs."""
        self.refill()
        return {f"{name} claim": self.server.ask("claim")["µs"]}

    def drain(self, name: str) -> Round:
        """The same, and what all of a delivery costs."""
        claimed = self.claim(name)
        before = self.server.ask("used")["seconds"]
        self.server.ask("deliver")
        self.arrived()
        self.server.ask("rest", within_seconds=REST_SECONDS)
        used = self.server.ask("used")
        done = self.sink.ask("wait", count=0, seconds=0)["received"]
        return {**claimed, f"{name} cpu": (used["seconds"] - before) / done * 1e6, f"{name} MB": used["MB"]}

    def arrived(self) -> None:
        """Wait until the filled queues are empty. Raises BenchFailed."""
        found = self.sink.ask("wait", count=self._count, seconds=self.size.wait_seconds)["received"]
        if found < self._count:
            raise BenchFailed(f"{found} messages were delivered instead of {self._count}.")


def scale(bench: Bench) -> list[Figure]:
    """Claims, the processor's time for a message, memory, and one PATCH that wakes a crowd."""
    size = bench.size
    dead = size.scale_queues // DEAD
    with ExitStack() as stack:
        bench.progress.say("Making the queues")
        few = _side(bench, stack, size.scale_few, 0, deep=0, crowd=0)
        many = _side(bench, stack, size.scale_queues, dead, deep=size.scale_deep, crowd=size.scale_crowd)
        most = _side(bench, stack, size.scale_most, size.scale_most // DEAD, deep=0, crowd=0)
        measures = (lambda: few.drain("few"), lambda: many.drain("many"), lambda: most.claim("most"))
        rounds = interleaved("Scale", measures, size.rounds, bench.progress, warm_up=True)
        woken = interleaved("Wake", (lambda: _woken(many, bench),), size.rounds, bench.progress, warm_up=True)
    what = (
        f"among {size.scale_queues} queues, {dead} of them dead and one with {size.scale_deep} messages, against"
        f" {size.scale_few} queues with {size.scale_tail} messages each"
    )
    claim = "finding what is due and loading its messages"
    return [
        ratio(f"claim cost of a message, {size.scale_queues} queues against {size.scale_few}", rounds,
              "many claim", "few claim", f"{claim}, {what}.", unit=" µs", target=_bound(size.scale_queues)),
        ratio(f"claim cost of a message, {size.scale_most} queues against {size.scale_few}", rounds,
              "most claim", "few claim", f"{claim}, among {size.scale_most} queues, one in {DEAD} of them dead.", unit=" µs",
              target=_bound(size.scale_most)),
        ratio("processor time of a delivery, many queues against few", rounds, "many cpu", "few cpu",
              f"everything the server does for a message, {what}.", unit=" µs"),
        absolute("resident memory with many queues", rounds, "many MB",
                 f"the most that the server's process has had at a time, with {size.scale_deep} messages pending"
                 " in one queue.", f"{median(rounds, 'few MB'):.0f} MB with {size.scale_few} queues", unit="MB",
                 target=at_most(300)),
        ratio(f"PATCH that wakes {size.scale_crowd} held queues, against one that wakes none", woken, "waking",
              "plain", f"one PATCH of a destination, until its answer; against the median of {PLAIN_CALLS} that"
              " wake nobody: one commit each. One call a round, so that 1.5 is taken for the same.", unit=" ms",
              target=at_most(1.5)),
    ]  # fmt: skip


def _bound(queues: int) -> Target:
    return at_most(1.2 if queues <= MANY else 1.3)


def _side(bench: Bench, stack: ExitStack, queues: int, dead: int, *, deep: int, crowd: int) -> _Side:
    size, sink = bench.size, bench.sink
    place = stack.enter_context(bench.place())
    filled = min(size.scale_few, queues - dead)
    url, hole = (f"http://127.0.0.1:{sink.hello[name]}/redox" for name in ("port", "hole"))
    with server(bench.store, place) as maker:  # in a process of its own, whose memory is of no interest
        ends = maker.ask(
            "populate", live=queues - dead, dead=dead, filled=filled, tail=size.scale_tail, deep=deep, crowd=crowd,
            url=url, hole=hole,
        )  # fmt: skip
    return _Side(stack.enter_context(server(bench.store, place)), sink, size, filled, dead, ends)


def _woken(side: _Side, bench: Bench) -> Round:
    """A few PATCHes of a destination nobody waits for, and one of the crowd's, which then delivers."""
    side.refill()
    side.server.ask("deliver")
    side.arrived()
    token = side.server.ask("tokens")["user"]
    url = f"http://127.0.0.1:{side.sink.hello['port']}/redox"

    def calls(name: str, most: int) -> list[float]:
        made = bench.load.ask(
            "patch", port=side.server.hello["port"], token=token, destination=side.ends[name], url=url, most=most,
            seconds=60,
        )  # fmt: skip
        return [(ended - began) * 1000 for began, ended in made]

    plain = calls("plain", PLAIN_CALLS)
    (waking,) = calls("crowd", 1)
    return {"plain": percentile(plain, 0.5), "waking": waking}
