"""What a kill costs: how soon every queue that waits moves again, what comes twice, and how long a start takes."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from bench.figure import Figure, at_most
from bench.interleaving import Round, absolute, interleaved
from bench.node import Node
from bench.processes import BenchFailed
from bench.stage import Bench, Stage, server

MOST_TIMES = 4
"""How often a backlog that was gone before the kill is doubled."""
POLL_SECONDS = 0.1
AFTERMATH_SECONDS = 0.05
"""What the receiver notes so soon after a kill was sent before it."""


def recovery(bench: Bench) -> list[Figure]:
    """Kill -9 in mid-run: of the only node, or of one of two workers on a store that they share."""
    shared = bench.store.kind == "postgresql"
    killed = _one_of_two if shared else _the_only_one

    def measure() -> Round:
        for number in range(MOST_TIMES):
            if moved := killed(bench, bench.size.recovery_backlog << number):
                return moved
        raise BenchFailed("Everything was delivered before the kill; let more wait (recovery_backlog).")

    rounds = interleaved("Recovery", (measure,), bench.size.rounds, bench.progress, warm_up=False)
    who = "one of two workers is killed" if shared else "the server is killed and started again"
    what = (
        f"{bench.size.recovery_backlog} messages in {bench.size.queues} queues are being delivered when {who}"
        " (`kill -9`); from then until the receiver has had a message from every queue in which some waited"
    )
    repeated = max(found["repeated"] for found in rounds)
    behind = f"nothing lost; {repeated:.0f} came twice at the most"
    return [
        absolute(f"kill -9: until every queue moves again, {'two workers' if shared else 'one node'}", rounds,
                 "seconds", f"{what}. In the end nothing is missing.", behind, unit="s",
                 target=at_most(16 if shared else 2)),
        absolute("start-up until ready", rounds, "ready",
                 "`waypost serve` on that store, from the start of the process until it says that it is ready.",
                 unit="s"),
    ]  # fmt: skip


def _the_only_one(bench: Bench, backlog: int) -> Round | None:
    with bench.place() as place:
        with server(bench.store, place) as made:
            Stage(made, bench.load, bench.sink, bench.size).fill(backlog, bench.size.queues)
        bench.sink.ask("reset", recording=True)
        with Node(place) as node:
            return _killed(bench, backlog, node, node.start)


def _one_of_two(bench: Bench, backlog: int) -> Round | None:
    with bench.place() as place, server(bench.store, place) as made, ExitStack() as stack:
        on = Stage(made, bench.load, bench.sink, bench.size)
        made.ask("hold")
        on.fill(backlog, bench.size.queues)
        bench.sink.ask("reset", recording=True)
        nodes = [stack.enter_context(Node(place.beside(name), role="worker")) for name in ("one", "other")]
        made.ask("shared", workers=len(nodes))
        made.ask("release")
        return _killed(bench, backlog, nodes[0], lambda: None)


def _killed(bench: Bench, backlog: int, node: Node, again: Callable[[], None]) -> Round | None:
    """How it moved after the kill; None when everything was delivered before."""
    size, sink, ready = bench.size, bench.sink, node.ready_seconds
    sink.ask("wait", count=backlog // 4, seconds=size.wait_seconds)
    at = node.kill()
    again()
    end = time.monotonic() + size.wait_seconds
    while (missing := backlog - len({number for number, _ in sink.ask("times")})) > 0:
        if time.monotonic() > end:
            raise BenchFailed(f"{missing} messages were not delivered {size.wait_seconds:.0f} s after a kill.")
        time.sleep(POLL_SECONDS)
    moved = _moved(sink.ask("times"), at, size.queues)
    return {**moved, "ready": ready} if moved else None


def _moved(times: Sequence[tuple[int, float]], at: float, queues: int) -> Round | None:
    """Until when after `at` each queue had its first message, and how many messages came more than once."""
    first: dict[int, float] = {}
    for number, moment in times:
        if moment > at + AFTERMATH_SECONDS:
            first.setdefault(number % queues, moment)
    repeated = sum(count - 1 for count in Counter(number for number, _ in times).values())
    return {"seconds": max(first.values()) - at, "repeated": repeated} if first else None
