"""How long the server takes for what people look at, on a store with many queues and many logs.

`PAGES` is the list: a line each. Paths may name `{environment}`. Those of the API are called with a bearer token;
pages of the dashboard go with the cookie of somebody who is signed in, which `DASHBOARD_COOKIE` makes.
"""

import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.figure import Figure, percentile
from bench.interleaving import Round, absolute, interleaved
from bench.processes import BenchFailed, Child
from bench.stage import Bench, server

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
)
"""To time a page of the dashboard: `Page("dashboard: queues", "/dashboard/…", signed_in=True)`."""

DASHBOARD_COOKIE: Callable[[Child], str] | None = None
"""Signs somebody in on that server and gives the `Cookie` header; None while there is no dashboard."""


def pages(bench: Bench) -> list[Figure]:
    """Each page once and once more in every round, on one populated store."""
    size = bench.size
    with bench.place() as place, server(bench.store, place) as made:
        _populate(bench, made)
        port, environment = made.hello["port"], bench.store.environment_id
        wanted = [each for each in PAGES if not each.signed_in or DASHBOARD_COOKIE is not None]

        def measure() -> Round:
            headers = _headers(made)
            return {
                each.name: percentile(
                    timed(
                        port,
                        headers[each.signed_in],
                        [each.path.format(environment=environment)] * size.pages_calls,
                    ),
                    0.5,
                )
                for each in wanted
            }

        rounds = interleaved("Pages", (measure,), size.rounds, bench.progress, warm_up=True)
    if DASHBOARD_COOKIE is None:
        bench.note("pages of the dashboard: none are listed in bench/pages.py yet")
    what = (
        f"with {size.pages_queues} queues and {size.pages_logs} logs in one of them; the median of a round's calls"
    )
    return [absolute(each.name, rounds, each.name, f"GET `{each.path}`, {what}.") for each in wanted]


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


def _headers(made: Child) -> dict[bool, dict[str, str]]:
    """By whether somebody is signed in."""
    found = {False: {"authorization": f"Bearer {made.ask('tokens')['user']}", "accept": "application/json"}}
    if DASHBOARD_COOKIE is not None:
        found[True] = {"cookie": DASHBOARD_COOKIE(made), "accept": "text/html"}
    return found


def _populate(bench: Bench, made: Child) -> None:
    size, dead = bench.size, bench.size.pages_queues // DEAD
    bench.progress.say("Making the queues")
    url, hole = (f"http://127.0.0.1:{bench.sink.hello[name]}/redox" for name in ("port", "hole"))
    ends: dict[str, Any] = made.ask(
        "populate", live=size.pages_queues - dead, dead=dead, filled=size.pages_queues - dead, tail=1,
        deep=size.pages_logs, crowd=0, url=url, hole=hole,
    )  # fmt: skip
    made.ask("refill", filled=size.pages_queues - dead, dead=dead, crowd="" if not dead else ends["crowd"])
