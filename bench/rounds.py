"""The rounds: in each, everything that is compared is measured once, in an order that turns with the rounds."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.processes import BenchFailed, Child
from bench.report import Figure, percentile, short
from bench.stage import Size, Stage, stage
from waypost.demo.progress import Progress
from waypost.demo.server import waypost

Round = Mapping[str, float]
Measure = Callable[[], Round]


def measure(folder: Path, size: Size, progress: Progress) -> list[Figure]:
    """Every figure. Raises BenchFailed."""
    new = folder / "new"
    made = json.loads(waypost("init", "--data", str(new), "--json"))
    environment_id = made["environments"]["Development"]
    with (
        Child("bench.load", log=folder / "load.log") as load,
        Child("bench.sink", log=folder / "sink.log") as sink,
    ):
        with stage(new, environment_id, load, sink, size) as on:
            figures = accept(on, progress)
        with stage(new, environment_id, load, sink, size) as on:
            return figures + deliver(on, progress) + latency(on, progress) + patch(on, progress)


def accept(on: Stage, progress: Progress) -> list[Figure]:
    """Taking messages in, while nothing is delivered."""
    size = on.size

    def flood(name: str, path: str) -> Round:
        done = on.load.ask(
            "flood", port=on.port, path=path, token=on.token("source"), connections=size.connections,
            seconds=size.accept_seconds, **on.ends,
        )  # fmt: skip
        return {name: _rate(done)}

    def commit() -> Round:
        return {"commits": _rate(on.server.ask("commit", count=size.commits, at_once=size.connections))}

    measures = (lambda: flood("endpoint", "/endpoint"), lambda: flood("empty", on.server.hello["empty"]), commit)
    rounds = _interleaved("Accept", measures, size.rounds, progress, warm_up=True)
    how = f"over {size.connections} kept connections, each message durable before its 200"
    return [
        _ratio(
            "accept, against an empty route", rounds, "endpoint", "empty",
            f"`POST /endpoint`, one message a request, {how}; against the same requests to a route of the same"
            " application that finds out who calls, reads nothing and answers `{}`.",
        ),
        _ratio(
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
        return {name: _rate(on.load.ask("post_bare", url=on.url, sample=sample, count=count, at_once=at_once))}

    measures = (
        lambda: drain("many", size.backlog, size.queues),
        lambda: bare("aiohttp", size.backlog, size.queues),
        lambda: drain("one", size.backlog_of_one, 1),
        lambda: bare("aiohttp one by one", size.backlog_of_one, 1),
    )
    rounds = _interleaved("Deliver", measures, size.rounds, progress, warm_up=True)
    how = "from the start of the worker until the receiver has the last one, each settled durably"
    return [
        _ratio(
            f"deliver over {size.queues} queues, against aiohttp", rounds, "many", "aiohttp",
            f"a backlog of {size.backlog} messages drains, {how}; against a bare aiohttp client that posts the"
            f" same bytes as often, {size.queues} at a time.",
        ),
        _ratio(
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

    rounds = _interleaved("Latency", (pace,), size.rounds, progress, warm_up=False)
    load = f"{size.rate} messages a second for {size.pace_seconds:g} s, over {size.queues} queues"
    accepted = "from the sender's 200 until the receiver has the message; 0 where it had it before the 200"
    posted = "from before the request is written until the receiver has the message: accepting it is part of it"
    return [
        _absolute("accept to receipt, p50", rounds, "from 200 p50", f"{load}: {accepted}."),
        _absolute("accept to receipt, p99", rounds, "from 200 p99", "the same, of 99 in 100 messages."),
        _absolute("request to receipt, p50", rounds, "from POST p50", f"{load}: {posted}."),
        _absolute("request to receipt, p99", rounds, "from POST p99", "the same, of 99 in 100 messages."),
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

    rounds = _interleaved("PATCH", (idle, busy), size.rounds, progress, warm_up=False)
    on_idle, on_busy = (f"{_median(rounds, f'{name} calls'):.0f} calls a round" for name in ("idle", "delivering"))
    return [
        _absolute(
            "PATCH while idle, p50", rounds, "idle p50",
            "`PATCH /platform/v1/destinations/{id}` with a new endpoint, durable and audited, one by one.",
            on_idle,
        ),
        _absolute("PATCH while idle, p99", rounds, "idle p99", "the same, of 99 in 100 calls.", on_idle),
        _absolute(
            "PATCH while delivering, p50", rounds, "delivering p50",
            f"the same on one of {size.queues} destinations that all deliver as fast as they can.", on_busy,
        ),
        _absolute(
            "PATCH while delivering, p99", rounds, "delivering p99", "the same, of 99 in 100 calls.", on_busy
        ),
        _ratio(
            "PATCH while delivering, against idle, p50", rounds, "delivering p50", "idle p50",
            "how much longer a call takes under full delivery.", unit=" ms",
        ),
        _ratio(
            "PATCH while delivering, against idle, p99", rounds, "delivering p99", "idle p99",
            "the same, of 99 in 100 calls.", unit=" ms",
        ),
    ]  # fmt: skip


def _interleaved(
    words: str, measures: Sequence[Measure], rounds: int, progress: Progress, *, warm_up: bool
) -> list[Round]:
    """Each round's numbers; `warm_up` puts a round in front that does not count."""
    done: list[Round] = []
    with progress.bar(words, rounds) as advance:
        for number in range(-1 if warm_up else 0, rounds):
            turn = number % len(measures)
            found = {name: value for one in (*measures[turn:], *measures[:turn]) for name, value in one().items()}
            if number < 0:
                continue
            done.append(found)
            advance(len(done))
            progress.say(", ".join(f"{name} {value:.4g}" for name, value in sorted(found.items())))
    return done


def _times(name: str, calls: Sequence[tuple[float, float]]) -> Round:
    if not calls:
        raise BenchFailed(f"No call ended while {name}.")
    taken_ms = [(ended - began) * 1000 for began, ended in calls]
    return {
        f"{name} p50": percentile(taken_ms, 0.5),
        f"{name} p99": percentile(taken_ms, 0.99),
        f"{name} calls": len(calls),
    }


def _ratio(name: str, rounds: Sequence[Round], ours: str, theirs: str, what: str, *, unit: str = "/s") -> Figure:
    values = tuple(found[ours] / found[theirs] for found in rounds)
    behind = " against ".join(f"{short(_median(rounds, key))}{unit}" for key in (ours, theirs))
    return Figure(name, "ratio", values, behind, what)


def _absolute(name: str, rounds: Sequence[Round], key: str, what: str, behind: str = "absolute") -> Figure:
    return Figure(name, "ms", tuple(found[key] for found in rounds), behind, what)


def _median(rounds: Sequence[Round], key: str) -> float:
    return statistics.median(found[key] for found in rounds)


def _rate(done: Mapping[str, float]) -> float:
    return done["done"] / done["seconds"]
