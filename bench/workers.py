"""Delivering with one, two and four workers on one PostgreSQL, each a process of its own."""

import os
from contextlib import ExitStack

from bench.figure import Figure
from bench.interleaving import Measure, interleaved, rate, ratio
from bench.node import Node
from bench.stage import Bench, Stage, server
from bench.stores import ServerData

COUNTS = (1, 2, 4)


def workers(bench: Bench) -> list[Figure]:
    """The same backlog drains with each number of them."""
    size = bench.size
    with bench.place() as place, server(bench.store, place) as made:
        on = Stage(made, bench.load, bench.sink, size)

        def measure(count: int) -> Measure:
            return lambda: {f"{count} workers": _drained(on, place, count)}

        rounds = interleaved(
            "Workers", [measure(count) for count in COUNTS], size.rounds, bench.progress, warm_up=False
        )
    what = (
        f"a backlog of {size.workers_backlog} messages in {size.queues} queues drains, from the moment that it may"
        " until the receiver has the last one; workers, database, receiver and bench share"
        f" {os.cpu_count()} cores, so that more workers than those can do no more"
    )
    return [
        ratio(f"deliver with {count} workers, against one", rounds, f"{count} workers", "1 workers", f"{what}.")
        for count in COUNTS[1:]
    ]


def _drained(on: Stage, place: ServerData, count: int) -> float:
    """Messages a second."""
    on.server.ask("hold")
    on.fill(on.size.workers_backlog, on.size.queues)
    with ExitStack() as stack:
        for number in range(count):
            stack.enter_context(Node(place.beside(f"worker-{number}"), role="worker"))
        on.server.ask("shared", workers=count)
        began = on.server.ask("release")
        took = on.wait(on.size.workers_backlog) - began
    return rate({"done": on.size.workers_backlog, "seconds": took})
