"""What changing a destination costs: at rest, under load, and against a server that only pretends."""

from collections.abc import Sequence

from bench import prism
from bench.figure import Figure, at_least, at_most, percentile
from bench.interleaving import Round, absolute, interleaved, median, rate, ratio
from bench.processes import BenchFailed
from bench.stage import Bench, Stage

MOST_TIMES = 4
"""How often a backlog that was gone before a call ended is doubled."""


def patch(bench: Bench) -> list[Figure]:
    """PATCH of a destination while nothing else happens, and while every queue delivers."""
    size = bench.size
    with bench.stage() as on:

        def idle() -> Round:
            on.server.ask("deliver")
            return _times("idle", _calls(on))

        def busy() -> Round:
            for number in range(MOST_TIMES):
                if calls := _under_load(on, size.patch_backlog << number):
                    return _times("delivering", calls)
            raise BenchFailed("Everything was delivered before one PATCH ended; let more wait (patch_backlog).")

        rounds = interleaved("PATCH", (idle, busy), size.rounds, bench.progress, warm_up=False)
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
            "the same, of 99 in 100 calls.", unit=" ms", target=at_most(3),
        ),
    ]  # fmt: skip


def against_prism(bench: Bench) -> list[Figure]:
    """PATCH against Prism, a mock server, that serves our own OpenAPI document and stores nothing."""
    if absent := prism.install(bench.progress):
        bench.note(f"PATCH against Prism: {absent}")
        return []
    with bench.stage() as on, prism.serving(on.port, bench.store.folder) as port:

        def call(name: str, to: int) -> Round:
            calls = _calls(on, to)
            return {name: rate({"done": len(calls), "seconds": calls[-1][1] - calls[0][0]})}

        measures = (lambda: call("ours", on.port), lambda: call("prism", port))
        rounds = interleaved("Prism", measures, bench.size.rounds, bench.progress, warm_up=True)
    what = (
        "`PATCH /platform/v1/destinations/{id}` by the same client, one call after the other: ours is authorized,"
        f" checked, audited and durable; against Prism {prism.VERSION} (`prism mock`) that serves our OpenAPI"
        " document, checks the same body and answers an example of it."
    )
    return [ratio("PATCH, against Prism", rounds, "ours", "prism", what, target=at_least(1))]


def _under_load(on: Stage, backlog: int) -> list[tuple[float, float]]:
    """The calls that ended while all of a backlog was being delivered."""
    on.fill(backlog, on.size.queues)
    on.server.ask("deliver")
    on.sink.ask("wait", count=on.size.queues, seconds=on.size.wait_seconds)
    calls = _calls(on)
    last = on.wait(backlog)
    return [(began, ended) for began, ended in calls if ended <= last]


def _calls(on: Stage, port: int = 0) -> list[tuple[float, float]]:
    calls: list[tuple[float, float]] = on.load.ask(
        "patch", port=port or on.port, token=on.token("user"), destination=on.ends["destinations"][0], url=on.url,
        most=on.size.patches, seconds=on.size.patch_seconds,
    )  # fmt: skip
    if not calls:
        raise BenchFailed("No PATCH was made in its time; give it longer (patch_seconds).")
    return calls


def _times(name: str, calls: Sequence[tuple[float, float]]) -> Round:
    taken_ms = [(ended - began) * 1000 for began, ended in calls]
    return {
        f"{name} p50": percentile(taken_ms, 0.5),
        f"{name} p99": percentile(taken_ms, 0.99),
        f"{name} calls": len(calls),
    }
