"""How long the server takes for what people look at, on a store with many queues and many logs.

`PAGES` is the list: a line each. Paths may name `{environment}`. Those of the API are called with a bearer token;
pages of the dashboard go with the cookie of somebody who is signed in.
"""

import http.client
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.figure import Figure, at_most, percentile
from bench.interleaving import Round, absolute, interleaved
from bench.processes import BenchFailed, Child
from bench.stage import Bench

DEAD = 20
"""One queue in so many is dead."""


@dataclass(frozen=True, slots=True)
class Page:
    """One address that is timed; `signed_in` ones are pages of the dashboard."""

    name: str
    path: str
    signed_in: bool = False


PAGES: tuple[Page, ...] = (
    Page("API: queues, first page", "/waypost/v1/environments/{environment}/queues"),
    Page("API: ledger", "/waypost/v1/environments/{environment}/ledger"),
    Page("API: destinations", "/platform/v1/environments/{environment}/destinations"),
    Page("dashboard: overview", "/dashboard/environments/{environment}", signed_in=True),
    Page("dashboard: queues", "/dashboard/environments/{environment}/queues", signed_in=True),
    Page("dashboard: a queue", "/dashboard/queues/deep", signed_in=True),
    Page("dashboard: logs", "/dashboard/environments/{environment}/logs", signed_in=True),
    Page("dashboard: ledger", "/dashboard/environments/{environment}/ledger", signed_in=True),
    Page("dashboard: destinations", "/dashboard/environments/{environment}/destinations", signed_in=True),
    Page("dashboard: credentials", "/dashboard/environments/{environment}/credentials", signed_in=True),
    Page("dashboard: subscriptions", "/dashboard/environments/{environment}/subscriptions", signed_in=True),
)
MOST = at_most(100)
"""The target of the dashboard's pages."""


def pages(bench: Bench) -> list[Figure]:
    """Each page once and once more in every round, on one populated store."""
    size = bench.size
    with bench.fresh() as made:
        _populate(bench, made)
        port, environment = made.hello["port"], bench.store.environment_id
        signed_in = {"cookie": made.ask("cookie")["cookie"], "accept": "text/html"}

        def measure() -> Round:
            token = made.ask("tokens")["user"]
            headers = {False: {"authorization": f"Bearer {token}"}, True: signed_in}
            return {
                each.name: percentile(
                    timed(
                        port,
                        headers[each.signed_in],
                        [each.path.format(environment=environment)] * size.pages_calls,
                    ),
                    0.5,
                )
                for each in PAGES
            }

        rounds = interleaved("Pages", (measure,), size.rounds, bench.progress, warm_up=True)
    what = (
        f"with {size.pages_queues} queues and {size.pages_logs} logs in one of them; the median of a round's calls"
    )
    return [
        absolute(
            each.name,
            rounds,
            each.name,
            f"GET `{each.path}`, {what}.",
            target=MOST if each.signed_in else None,
        )
        for each in PAGES
    ]


def timed(port: int, headers: Mapping[str, str], paths: Sequence[str]) -> list[float]:
    """The milliseconds that each of these takes from the request to the whole answer. Raises BenchFailed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        return [_timed(connection, path, headers) for path in paths]
    finally:
        connection.close()


def _timed(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> float:
    began = time.monotonic()
    connection.request("GET", path, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise BenchFailed(f"GET {path} answered {answer.status}: {body[:300].decode(errors='replace')}")
    return (time.monotonic() - began) * 1000


def _populate(bench: Bench, made: Child) -> None:
    size, dead = bench.size, bench.size.pages_queues // DEAD
    bench.progress.say("Making the queues")
    url, hole = (f"http://127.0.0.1:{bench.sink.hello[name]}/redox" for name in ("port", "hole"))
    ends: dict[str, Any] = made.ask(
        "populate", live=size.pages_queues - dead, dead=dead, filled=size.pages_queues - dead, tail=1,
        deep=size.pages_logs, crowd=0, url=url, hole=hole,
    )  # fmt: skip
    made.ask("refill", filled=size.pages_queues - dead, dead=dead, crowd="" if not dead else ends["crowd"])
