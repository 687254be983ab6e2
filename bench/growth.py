"""How large a store is when it has been kept for days: messages of every hour, retention on, the clock moved."""

import statistics

from bench.figure import Figure, at_most
from bench.interleaving import measured
from bench.processes import BenchFailed
from bench.stage import Bench, Stage, server

HOURS = 24
TERM_DAYS = 1


def growth(bench: Bench) -> list[Figure]:
    """A day without anything to remove, then as many days as there are rounds, each of which removes one."""
    size = bench.size
    with bench.place() as place, server(bench.store, place, WAYPOST_RETENTION_DAYS=str(TERM_DAYS)) as made:
        on = Stage(made, bench.load, bench.sink, size)
        empty = made.ask("stored")
        days = []
        with bench.progress.bar("Growth", size.rounds + 1) as advance:
            for number in range(size.rounds + 1):
                _day(on)
                days.append(made.ask("stored"))
                advance(number + 1)
    if days[0]["logs"] != HOURS * size.growth_an_hour:
        raise BenchFailed(f"{days[0]['logs']} logs are there after a day of {HOURS * size.growth_an_hour}.")
    first, later = days[0]["bytes"] - empty["bytes"], days[1:]
    a_message = measured({"bytes a message": first / days[0]["logs"]}, "bytes a message")
    what = f"{size.growth_an_hour} messages an hour come in and are delivered, with a retention of {TERM_DAYS} day"
    rows = statistics.median(day["logs"] for day in later)
    return [
        Figure("store after another day, against the first day", "ratio",
               tuple(day["bytes"] / days[0]["bytes"] for day in later),
               f"{days[0]['bytes'] / 1e6:.1f} MB after the first, {rows:.0f} logs after each",
               f"{what}: what the store takes on disk after each further day, the clock moved by an hour at a"
               " time, a pass of retention after each.",
               at_most(1.2)),
        Figure("store for a message, against its bytes", "ratio", (a_message / size.message_bytes,),
               f"{a_message:.0f} bytes",
               f"{what}: what the first day took on disk, for each message: body, log, entry and attempt with"
               " their indexes. Counted once: it does not vary."),
    ]  # fmt: skip


def _day(on: Stage) -> None:
    for _ in range(HOURS):
        on.server.ask("move", hours=1)
        on.fill(on.size.growth_an_hour, min(on.size.queues, on.size.growth_an_hour))
        on.server.ask("deliver")
        on.wait(on.size.growth_an_hour)
        on.server.ask("rest")
        on.server.ask("retain")
