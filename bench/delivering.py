"""What carrying messages on costs: out of a backlog, while others come in, and when nothing waits."""

from bench import wrk
from bench.accepting import flood, flooded
from bench.figure import Figure, at_least, at_most, percentile
from bench.interleaving import Measure, Round, absolute, interleaved, rate, ratio
from bench.stage import Bench, Stage


def deliver(bench: Bench) -> list[Figure]:
    """Draining what was accepted before, to a receiver that keeps its connections."""
    size = bench.size
    with bench.stage() as on:
        sample = on.sample()

        def by_wrk() -> Round:
            place = bench.store.folder
            return {"wrk": wrk.post(on.url, sample, at_once=size.queues, seconds=size.wrk_seconds, place=place)}

        measures: list[Measure] = [
            lambda: {"many": _drained(on, size.backlog, size.queues)},
            lambda: {"aiohttp": _bare(on, sample, size.backlog, size.queues)},
            lambda: {"one": _drained(on, size.backlog_of_one, 1)},
            lambda: {"aiohttp one by one": _bare(on, sample, size.backlog_of_one, 1)},
        ]
        if wrk.is_there():
            measures.append(by_wrk)
        else:
            bench.note(wrk.ABSENT)
        rounds = interleaved("Deliver", measures, size.rounds, bench.progress, warm_up=True)
    how = "from the start of the worker until the receiver has the last one, each settled durably"
    figures = [
        ratio(
            f"deliver over {size.queues} queues, against aiohttp", rounds, "many", "aiohttp",
            f"a backlog of {size.backlog} messages drains, {how}; against a bare aiohttp client that posts the"
            f" same bytes as often, {size.queues} at a time.", target=at_least(0.5),
        ),
        ratio(
            "deliver over one queue, against aiohttp one by one", rounds, "one", "aiohttp one by one",
            f"a backlog of {size.backlog_of_one} messages in one queue drains, {how} before the next is sent;"
            " against a bare aiohttp client that posts one after the other.", target=at_least(0.25),
        ),
    ]  # fmt: skip
    if wrk.is_there():
        what = f"the same drain against wrk, a client in C, that posts the same bytes, {size.queues} at a time."
        figures.append(ratio(f"deliver over {size.queues} queues, against wrk", rounds, "many", "wrk", what))
    return figures


def both(bench: Bench) -> list[Figure]:
    """Accepting as much as it can while it delivers as much as it can, on the same cores."""
    size = bench.size
    with bench.stage() as on:
        sample = on.sample()

        def together() -> Round:
            on.sink.ask("reset")
            on.server.ask("deliver")
            done = flooded(on, "/endpoint", seconds=size.both_seconds)
            last = on.wait(round(done["done"]))
            return {
                "accepted": rate(done),
                "delivered": rate({"done": done["done"], "seconds": last - done["began"]}),
            }

        measures: tuple[Measure, ...] = (
            together,
            lambda: {"empty": _resting(on)},
            lambda: {"aiohttp": _bare(on, sample, size.backlog, size.queues)},
        )
        rounds = interleaved("Both", measures, size.rounds, bench.progress, warm_up=True)
    what = (
        f"for {size.both_seconds:g} s messages come in over {size.connections} connections as fast as they are"
        f" answered, and go out over {size.queues} queues all the while"
    )
    return [
        ratio("end to end: accepted while delivering, against an empty route", rounds, "accepted", "empty",
              f"{what}: what is accepted, against requests to the empty route while nothing else happens."),
        ratio("end to end: delivered while accepting, against aiohttp", rounds, "delivered", "aiohttp",
              f"{what}: all of them from the first request until the receiver has the last, against a bare aiohttp"
              " client while nothing else happens."),
    ]  # fmt: skip


def latency(bench: Bench) -> list[Figure]:
    """How long a message takes from its sender to its receiver when there is no backlog."""
    size = bench.size
    with bench.stage() as on:
        on.server.ask("deliver")

        def pace() -> Round:
            on.sink.ask("reset", recording=True)
            sent = on.load.ask(
                "pace", port=on.port, token=on.token("source"), connections=size.connections, rate=size.rate,
                seconds=size.pace_seconds, **on.ends,
            )  # fmt: skip
            on.wait(len(sent))
            received = dict(on.sink.ask("times"))
            taken_ms = [(received[number] - sent_at) * 1000 for number, sent_at, _ in sent]
            return {"p50": percentile(taken_ms, 0.5), "p99": percentile(taken_ms, 0.99)}

        rounds = interleaved("Latency", (pace,), size.rounds, bench.progress, warm_up=True)
    what = (
        f"{size.rate} messages a second for {size.pace_seconds:g} s, over {size.queues} queues: from before the"
        " request is written, so that accepting it is part of it, until the receiver has the message"
    )
    return [
        absolute("accept to receipt, p50", rounds, "p50", f"{what}; half of them.", target=at_most(10)),
        absolute("accept to receipt, p99", rounds, "p99", "the same, 99 in 100 of them.", target=at_most(50)),
    ]


def _drained(on: Stage, count: int, queues: int) -> float:
    """Messages a second out of a backlog."""
    on.fill(count, queues)
    began = on.server.ask("deliver")
    took = on.wait(count) - began
    on.server.ask("rest")
    return rate({"done": count, "seconds": took})


def _bare(on: Stage, sample: str, count: int, at_once: int) -> float:
    return rate(on.load.ask("post_bare", url=on.url, sample=sample, count=count, at_once=at_once))


def _resting(on: Stage) -> float:
    on.server.ask("rest")
    return flood(on, on.server.hello["empty"])
