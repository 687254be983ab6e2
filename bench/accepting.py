"""What taking messages in costs: one a request, and many a request."""

from bench.figure import Figure, at_least
from bench.interleaving import Round, interleaved, rate, ratio
from bench.stage import Bench, Stage

BATCH = "/waypost/v1/messages"


def accept(bench: Bench) -> list[Figure]:
    """One message a request, while nothing is delivered."""
    size = bench.size
    with bench.stage() as on:
        measures = (
            lambda: {"endpoint": flood(on, "/endpoint")},
            lambda: {"empty": flood(on, on.server.hello["empty"])},
            lambda: {"commits": rate(on.server.ask("commit", count=size.commits, at_once=size.connections))},
        )
        rounds = interleaved("Accept", measures, size.rounds, bench.progress, warm_up=True)
    how = f"over {size.connections} kept connections, each message durable before its 200"
    return [
        ratio(
            "accept, against an empty route", rounds, "endpoint", "empty",
            f"`POST /endpoint`, one message a request, {how}; against the same requests to a route of the same"
            " application that finds out who calls, reads nothing and answers `{}`.", target=at_least(0.3),
        ),
        ratio(
            "accept, against raw group commits", rounds, "endpoint", "commits",
            "the same, against the engine's statements alone for the same sealed rows: no HTTP, no routing,"
            f" no sealing, {size.connections} waiting for a commit at a time.",
        ),
    ]  # fmt: skip


def batch(bench: Bench) -> list[Figure]:
    """Many messages a request, against what the store can take at the most."""
    size = bench.size
    with bench.stage() as on:

        def lines() -> Round:
            return {"batches": flood(on, BATCH, connections=size.batches, lines=size.batch_lines)}

        def inserts() -> Round:
            done = on.server.ask("insert", count=size.commits, rows=size.batch_lines, at_once=size.batches)
            return {"inserts": rate(done)}

        rounds = interleaved("Batch", (lines, inserts), size.rounds, bench.progress, warm_up=True)
    return [
        ratio(
            "accept in batches, against raw batched inserts", rounds, "batches", "inserts",
            f"`POST {BATCH}`, {size.batch_lines} messages a request over {size.batches} connections, each durable"
            " before its result line; against the bare inserts of the same sealed rows (message, log and entry,"
            f" {size.batch_lines} messages a transaction, {size.batches} waiting at a time): no HTTP, no routing,"
            " no sealing, no counters.", target=at_least(0.6),
        )
    ]  # fmt: skip


def flood(on: Stage, path: str, *, connections: int = 0, lines: int = 1) -> float:
    """Messages a second that the server takes in."""
    return rate(flooded(on, path, connections=connections, lines=lines))


def flooded(on: Stage, path: str, *, connections: int = 0, lines: int = 1, seconds: float = 0) -> dict[str, float]:
    """How many messages the server took in, and in how long."""
    done: dict[str, float] = on.load.ask(
        "flood", port=on.port, path=path, token=on.token("source"), lines=lines,
        connections=connections or on.size.connections, seconds=seconds or on.size.accept_seconds, **on.ends,
    )  # fmt: skip
    return done
