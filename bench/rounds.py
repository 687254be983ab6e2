"""What is measured: accepting, delivering, latency and PATCH here, isolation and scale beside."""

from collections.abc import Sequence
from pathlib import Path

from bench.interleaving import Round, absolute, interleaved, median, rate, ratio
from bench.isolation import isolation
from bench.processes import BenchFailed, Child
from bench.report import Figure, percentile
from bench.scale import scale
from bench.stage import Size, Stage, stage
from bench.stores import Kind, opened
from waypost.demo.progress import Progress


def measure(folder: Path, size: Size, kind: Kind, progress: Progress) -> list[Figure]:
    """Every figure. Raises BenchFailed."""
    with (
        opened(kind, folder) as store,
        Child("bench.load", log=folder / "load.log") as load,
        Child("bench.sink", log=folder / "sink.log") as sink,
    ):
        with stage(store, load, sink, size) as on:
            figures = accept(on, progress)
        with stage(store, load, sink, size) as on:
            figures += deliver(on, progress) + latency(on, progress) + patch(on, progress)
        with stage(store, load, sink, size) as on:
            figures += isolation(on, progress)
        return figures + scale(store, load, sink, size, progress)


def accept(on: Stage, progress: Progress) -> list[Figure]:
    """Taking messages in, while nothing is delivered."""
    size = on.size

    def flood(name: str, path: str) -> Round:
        done = on.load.ask(
            "flood", port=on.port, path=path, token=on.token("source"), connections=size.connections,
            seconds=size.accept_seconds, **on.ends,
        )  # fmt: skip
        return {name: rate(done)}

    def commit() -> Round:
        return {"commits": rate(on.server.ask("commit", count=size.commits, at_once=size.connections))}

    measures = (lambda: flood("endpoint", "/endpoint"), lambda: flood("empty", on.server.hello["empty"]), commit)
    rounds = interleaved("Accept", measures, size.rounds, progress, warm_up=True)
    how = f"over {size.connections} kept connections, each message durable before its 200"
    return [
        ratio(
            "accept, against an empty route", rounds, "endpoint", "empty",
            f"`POST /endpoint`, one message a request, {how}; against the same requests to a route of the same"
            " application that finds out who calls, reads nothing and answers `{}`.",
        ),
        ratio(
            "accept, against raw group commits", rounds, "endpoint", "commits",
            "the same, against the engine's statements alone for the same sealed rows: no HTTP, no routing,"
            f" no sealing, {size.connections} waiting for a commit at a time.",
        ),
    ]  # fmt: skip


def deliver(on: Stage, progress: Progress) -> list[Figure]:
    """Draining what was accepted before, to a receiver that keeps its connections."""
    size = on.size
    on.fill(1, 1)
    on.server.ask("deliver")
    on.wait(1)
    sample = on.sink.ask("sample")

    def drain(name: str, count: int, queues: int) -> Round:
        on.fill(count, queues)
        began = on.server.ask("deliver")
        took = on.wait(count) - began
        on.server.ask("rest")
        return {name: count / took}

    def bare(name: str, count: int, at_once: int) -> Round:
        return {name: rate(on.load.ask("post_bare", url=on.url, sample=sample, count=count, at_once=at_once))}

    measures = (
        lambda: drain("many", size.backlog, size.queues),
        lambda: bare("aiohttp", size.backlog, size.queues),
        lambda: drain("one", size.backlog_of_one, 1),
        lambda: bare("aiohttp one by one", size.backlog_of_one, 1),
    )
    rounds = interleaved("Deliver", measures, size.rounds, progress, warm_up=True)
    how = "from the start of the worker until the receiver has the last one, each settled durably"
    return [
        ratio(
            f"deliver over {size.queues} queues, against aiohttp", rounds, "many", "aiohttp",
            f"a backlog of {size.backlog} messages drains, {how}; against a bare aiohttp client that posts the"
            f" same bytes as often, {size.queues} at a time.",
        ),
        ratio(
            "deliver over one queue, against aiohttp one by one", rounds, "one", "aiohttp one by one",
            f"a backlog of {size.backlog_of_one} messages in one queue drains, {how} before the next is sent;"
            " against a bare aiohttp client that posts one after the other.",
        ),
    ]  # fmt: skip


def latency(on: Stage, progress: Progress) -> list[Figure]:
    """How long a message takes from its sender to its receiver when there is no backlog."""
    size = on.size
    on.server.ask("deliver")

    def pace() -> Round:
        on.sink.ask("reset", recording=True)
        sent = on.load.ask(
            "pace", port=on.port, token=on.token("source"), connections=size.connections, rate=size.rate,
            seconds=size.pace_seconds, **on.ends,
        )  # fmt: skip
        on.wait(len(sent))
        received = dict(on.sink.ask("times"))
        answered_ms = [(received[number] - answered_at) * 1000 for number, _, answered_at in sent]
        sent_ms = [(received[number] - sent_at) * 1000 for number, sent_at, _ in sent]
        return {
            "from 200 p50": max(0.0, percentile(answered_ms, 0.5)),
            "from 200 p99": max(0.0, percentile(answered_ms, 0.99)),
            "from POST p50": percentile(sent_ms, 0.5),
            "from POST p99": percentile(sent_ms, 0.99),
        }

    rounds = interleaved("Latency", (pace,), size.rounds, progress, warm_up=False)
    load = f"{size.rate} messages a second for {size.pace_seconds:g} s, over {size.queues} queues"
    accepted = "from the sender's 200 until the receiver has the message; 0 where it had it before the 200"
    posted = "from before the request is written until the receiver has the message: accepting it is part of it"
    return [
        absolute("accept to receipt, p50", rounds, "from 200 p50", f"{load}: {accepted}."),
        absolute("accept to receipt, p99", rounds, "from 200 p99", "the same, of 99 in 100 messages."),
        absolute("request to receipt, p50", rounds, "from POST p50", f"{load}: {posted}."),
        absolute("request to receipt, p99", rounds, "from POST p99", "the same, of 99 in 100 messages."),
    ]


def patch(on: Stage, progress: Progress) -> list[Figure]:
    """PATCH of a destination while nothing else happens, and while every queue delivers."""
    size = on.size

    def call() -> list[tuple[float, float]]:
        calls: list[tuple[float, float]] = on.load.ask(
            "patch", port=on.port, token=on.token("user"), destination=on.ends["destinations"][0], url=on.url,
            most=size.patches, seconds=size.patch_seconds,
        )  # fmt: skip
        return calls

    def idle() -> Round:
        on.server.ask("deliver")
        return _times("idle", call())

    def busy() -> Round:
        on.fill(size.patch_backlog, size.queues)
        on.server.ask("deliver")
        on.sink.ask("wait", count=size.queues, seconds=size.wait_seconds)
        calls = call()
        last = on.wait(size.patch_backlog)
        return _times("delivering", [(began, ended) for began, ended in calls if ended <= last])

    rounds = interleaved("PATCH", (idle, busy), size.rounds, progress, warm_up=False)
    on_idle, on_busy = (f"{median(rounds, f'{name} calls'):.0f} calls a round" for name in ("idle", "delivering"))
    return [
        absolute(
            "PATCH while idle, p50", rounds, "idle p50",
            "`PATCH /platform/v1/destinations/{id}` with a new endpoint, durable and audited, one by one.",
            on_idle,
        ),
        absolute("PATCH while idle, p99", rounds, "idle p99", "the same, of 99 in 100 calls.", on_idle),
        absolute(
            "PATCH while delivering, p50", rounds, "delivering p50",
            f"the same on one of {size.queues} destinations that all deliver as fast as they can.", on_busy,
        ),
        absolute(
            "PATCH while delivering, p99", rounds, "delivering p99", "the same, of 99 in 100 calls.", on_busy
        ),
        ratio(
            "PATCH while delivering, against idle, p50", rounds, "delivering p50", "idle p50",
            "how much longer a call takes under full delivery.", unit=" ms",
        ),
        ratio(
            "PATCH while delivering, against idle, p99", rounds, "delivering p99", "idle p99",
            "the same, of 99 in 100 calls.", unit=" ms",
        ),
    ]  # fmt: skip


def _times(name: str, calls: Sequence[tuple[float, float]]) -> Round:
    if not calls:
        raise BenchFailed(f"No call ended while {name}.")
    taken_ms = [(ended - began) * 1000 for began, ended in calls]
    return {
        f"{name} p50": percentile(taken_ms, 0.5),
        f"{name} p99": percentile(taken_ms, 0.99),
        f"{name} calls": len(calls),
    }
