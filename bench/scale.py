"""What a message costs among many queues, some dead and one very deep, against few queues with short tails."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.interleaving import Round, interleaved, median, ratio
from bench.processes import Child
from bench.report import Figure
from bench.stage import Size, server
from bench.stores import Store
from waypost.demo.progress import Progress

DEAD = 20
"""One queue in so many is dead."""
REST_SECONDS = 1.0


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

    def drain(self, name: str) -> Round:
        """What finding a message and what all of a delivery costs."""
        self.refill()
        claimed = self.server.ask("claim")["µs"]
        before = self.server.ask("used")["seconds"]
        self.server.ask("deliver")
        self.sink.ask("wait", count=self._count, seconds=self.size.wait_seconds)
        self.server.ask("rest", within_seconds=REST_SECONDS)
        used = self.server.ask("used")
        done = self.sink.ask("wait", count=0, seconds=0)["received"]
        return {
            f"{name} claim": claimed,
            f"{name} cpu": (used["seconds"] - before) / done * 1e6,
            f"{name} MB": used["MB"],
        }


def scale(store: Store, load: Child, sink: Child, size: Size, progress: Progress) -> list[Figure]:
    """Claims, the processor's time for a message, memory, and one PATCH that wakes a crowd."""
    dead = size.scale_queues // DEAD
    with ExitStack() as stack:

        def side(queues: int, dead: int, deep: int, crowd: int) -> _Side:
            place = store.copy(Path(stack.enter_context(TemporaryDirectory(dir=store.folder)), "data"))
            filled = min(size.scale_few, queues - dead)
            url, hole = (f"http://127.0.0.1:{sink.hello[name]}/redox" for name in ("port", "hole"))
            with server(store, place) as maker:  # in a process of its own, whose memory is of no interest
                ends = maker.ask(
                    "populate", live=queues - dead, dead=dead, filled=filled, tail=size.scale_tail, deep=deep,
                    crowd=crowd, url=url, hole=hole,
                )  # fmt: skip
            return _Side(stack.enter_context(server(store, place)), sink, size, filled, dead, ends)

        progress.say("Making the queues")
        few = side(size.scale_few, 0, 0, 0)
        many = side(size.scale_queues, dead, size.scale_deep, size.scale_crowd)
        measures = (lambda: few.drain("few"), lambda: many.drain("many"))
        rounds = interleaved("Scale", measures, size.rounds, progress, warm_up=True)
        woken = interleaved("Wake", (lambda: _wake(many, load, size),), size.rounds, progress, warm_up=True)
    what = (
        f"among {size.scale_queues} queues, {dead} of them dead and one with {size.scale_deep} messages, against"
        f" {size.scale_few} queues with {size.scale_tail} messages each"
    )
    behind = f"{median(rounds, 'few MB'):.0f} MB with {size.scale_few} queues"
    return [
        ratio("claim cost of a message, many queues against few", rounds, "many claim", "few claim",
              f"finding what is due and loading its messages, {what}. The target is 1.2.", unit=" µs"),
        ratio("processor time of a delivery, many queues against few", rounds, "many cpu", "few cpu",
              f"everything the server does for a message, {what}.", unit=" µs"),
        Figure("resident memory with many queues", "MB", tuple(found["many MB"] for found in rounds), behind,
               "the most that the server's process has had at a time. The target is below 300."),
        ratio(f"PATCH that wakes {size.scale_crowd} held queues, against one that wakes none", woken, "waking",
              "plain", "one PATCH of a destination, until its answer.", unit=" ms"),
    ]  # fmt: skip


def _wake(side: _Side, load: Child, size: Size) -> Round:
    """One PATCH of a destination nobody waits for, and one of the crowd's, which then delivers."""
    side.refill()
    side.server.ask("deliver")
    side.sink.ask("wait", count=size.scale_few * size.scale_tail, seconds=size.wait_seconds)
    token = side.server.ask("tokens")["user"]
    url = f"http://127.0.0.1:{side.sink.hello['port']}/redox"

    def call(name: str) -> float:
        [(began, ended)] = load.ask(
            "patch", port=side.server.hello["port"], token=token, destination=side.ends[name], url=url, most=1,
            seconds=60,
        )  # fmt: skip
        return float(ended - began) * 1000

    call("plain")
    plain = call("plain")
    waking = call("crowd")
    return {"plain": plain, "waking": waking}
