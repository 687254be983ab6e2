"""What one receiver that swallows everything costs the others."""

from bench.figure import Figure, at_most, percentile
from bench.interleaving import Measure, Round, interleaved, ratio
from bench.stage import Bench, Stage


def isolation(bench: Bench) -> list[Figure]:
    """Latency of all destinations but one, while that one hangs and while it does not."""
    size = bench.size
    with bench.stage() as on:
        well, hanging = _paces(on)
        rounds = interleaved("Isolation", (well, hanging), size.rounds, bench.progress, warm_up=True)
    how = (
        f"{size.rate} messages a second over {size.isolated} destinations, from before a request is written until"
        " the receiver has its message, so that no time can be nothing:"
        f" that of the other {size.isolated - 1} while one never answers, against the same while"
        " it does"
    )
    return [
        ratio("one hangs: request to receipt of the others, p99", rounds, "hanging p99", "well p99",
              f"{how}; of 99 in 100 messages.", unit=" ms", target=at_most(1.2)),
        ratio("one hangs: request to receipt of the others, p50", rounds, "hanging p50", "well p50", f"{how}.",
              unit=" ms"),
    ]  # fmt: skip


def _paces(on: Stage) -> tuple[Measure, Measure]:
    """Sending while all answer, and while the first destination swallows what it gets."""
    size = on.size
    source, targets = on.ends["source"], on.ends["destinations"][: size.isolated]
    hole = f"http://127.0.0.1:{on.sink.hello['hole']}/"
    on.server.ask("deliver")

    def pace(name: str, missing: int) -> Round:
        on.sink.ask("reset", recording=True)
        sent = on.load.ask(
            "pace", port=on.port, token=on.token("source"), source=source, destinations=targets,
            connections=size.connections, rate=size.rate, seconds=size.isolation_seconds,
        )  # fmt: skip
        others = [(number, begun) for number, begun, _ in sent if number % len(targets)]
        on.wait(len(others) if missing else len(sent))
        received = dict(on.sink.ask("times"))
        waited = [(received[number] - begun) * 1000 for number, begun in others]
        return {
            f"{name} p50": percentile(waited, 0.5),
            f"{name} p99": percentile(waited, 0.99),
            f"{name} left": len(sent) - len(others),
        }

    def black_holed() -> Round:
        on.server.ask("aim", destination=targets[0], url=hole)
        found = pace("hanging", 1)
        on.sink.ask("reset")
        on.server.ask("aim", destination=targets[0], url=on.url)
        on.sink.ask("close_hole")
        on.wait(round(found["hanging left"]))  # what it swallowed, too, is delivered in the end
        return found

    return lambda: pace("well", 0), black_holed
