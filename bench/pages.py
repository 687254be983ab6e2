"""How long the server takes for what people look at, on a store with many queues and many logs.

Every page of the dashboard is timed, live ones until their first numbers: they are read off its table, so that a
new page is timed without a line here. Pages of one room are one figure, by the slowest of them. `CALLS` are calls
of the API. All of them name what lies in either of the two environments of `month.py`.
"""

import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.figure import Figure, at_most, percentile
from bench.interleaving import Round, absolute, interleaved
from bench.processes import BenchFailed, Child
from bench.stage import Bench
from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages import PAGES
from waypost.dashboard.visits.routes import Page

DEAD = 20
"""One queue in so many is dead."""
MOST = at_most(100)
"""The target of the dashboard's pages."""

Ids = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the API; with a body it is a POST."""

    name: str
    path: str
    body: dict[str, Any] | None = None


KEPT_HOURS = 2 / 3600
"""Longer than anything is kept that pages show."""
QUERIES = {"/credentials/new": "?environment={environment_id}"}
"""What pages must be asked, beside their path."""

SEARCH = "/platform/v1/environments/{environment_id}/logs/search/metadata"
CALLS: tuple[Call, ...] = (
    Call("API: queues, first page", "/waypost/v1/environments/{environment_id}/queues"),
    Call("API: ledger", "/waypost/v1/environments/{environment_id}/ledger"),
    Call("API: destinations", "/platform/v1/environments/{environment_id}/destinations"),
    Call("API: subscriptions", "/platform/v1/environments/{environment_id}/subscriptions"),
    Call("API: logs", SEARCH, {}),
    Call("API: logs, pending", SEARCH, {"status": "pending"}),
    Call("API: logs, of a destination", SEARCH, {"destinationId": "{destination_id}"}),
    Call("API: logs, of an event", SEARCH, {"eventType": "PatientMerge"}),
)


def shown() -> dict[str, list[Page]]:
    """The pages that somebody who is signed in looks at, by room."""
    rooms: dict[str, list[Page]] = {}
    for page in PAGES:
        if page.method == "GET" and not page.is_open:
            rooms.setdefault(f"dashboard: {room(page.path)}", []).append(page)
    return rooms


def room(path: str) -> str:
    """What pages at this address are about."""
    inner = re.sub(r"^/(environments|organizations)/\{\w+\}(?=/|$)", "", path)
    return inner.split("/")[1] if inner not in {"", "/live"} else "overview"


def pages(bench: Bench) -> list[Figure]:
    """Each of them once and once more in every round, on one populated store."""
    size = bench.size
    with bench.fresh() as made:
        bench.progress.say("Making a month")
        found = populate(bench, made)
        cookie = made.ask("cookie")["cookie"]

        def measure() -> Round:
            return dict(_measured(made, cookie, found, size.pages_calls))

        rounds = interleaved("Pages", (measure,), size.rounds, bench.progress, warm_up=True)
    what = (
        f"with {size.pages_queues} queues and {size.pages_logs} logs, or {size.pages_queues} queues of one"
        " subscription, whichever is slower; the median of a round's calls"
    )
    of_calls = [
        absolute(each.name, rounds, each.name, f"{'POST' if each.body else 'GET'} `{each.path}`, {what}.")
        for each in CALLS
    ]
    return of_calls + [
        absolute(name, rounds, name, f"the slowest of {len(paths)} page(s), {what}.", target=MOST)
        for name, paths in shown().items()
    ]


def populate(bench: Bench, made: Child) -> list[Ids]:
    """The month; what addresses of pages name in either of its environments."""
    size = bench.size
    url, hole = (f"http://127.0.0.1:{bench.sink.hello[name]}/redox" for name in ("port", "hole"))
    found: list[Ids] = made.ask(
        "month", queues=size.pages_queues, dead=size.pages_queues // DEAD, logs=size.pages_logs, url=url, hole=hole
    )
    return found


def each(found: Sequence[Ids]) -> Iterator[tuple[str, str]]:
    """The name of the figure, and an address, of every page in either environment."""
    for name, several in shown().items():
        for path in dict.fromkeys(address(page.path, ids) for page in several for ids in found):
            yield name, path


def address(path: str, ids: Ids) -> str:
    """Where a page is."""
    if "/setup" in path:
        path = path.replace("{destination_id}", "{unfinished_id}")
    return addresses.HOME + f"{path}{QUERIES.get(path, '')}".format(**ids)


def _measured(made: Child, cookie: str, found: Sequence[Ids], calls: int) -> Iterator[tuple[str, float]]:
    """By the names of figures, the slowest median of what belongs to it."""
    slowest: dict[str, float] = {}

    def take(name: str, headers: Mapping[str, str], path: str, body: Any = None) -> None:
        spent = percentile(timed(made, headers, path, calls, body), 0.5)
        slowest[name] = max(spent, slowest.get(name, 0))

    for name, path in each(found):
        take(name, {"cookie": cookie, "accept": "text/html"}, path)
    bearer = {"authorization": f"Bearer {made.ask('tokens')['user']}"}
    for call in CALLS:
        for ids in found:
            body = None if call.body is None else {key: value.format(**ids) for key, value in call.body.items()}
            take(call.name, bearer, call.path.format(**ids), body)
    yield from slowest.items()


def timed(made: Child, headers: Mapping[str, str], path: str, calls: int, body: Any = None) -> list[float]:
    """The milliseconds that each call takes from the request to the whole answer. Raises BenchFailed.

    Before each the clock moves on, so that nothing is answered from what the call before has looked up.
    """
    taken = []
    for _ in range(calls):
        made.ask("move", hours=KEPT_HOURS)
        taken.append(_timed(made.hello["port"], headers, path, body))
    return taken


def _timed(port: int, headers: Mapping[str, str], path: str, body: Any) -> float:
    method, sent = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
    more = {} if body is None else {"content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.connect()
        began = time.monotonic()
        connection.request(method, path, sent, {**headers, **more})
        answer = connection.getresponse()
        if answer.status >= 400:
            said = answer.read(300).decode(errors="replace")
            raise BenchFailed(f"{method} {path} answered {answer.status}: {said}")
        if answer.headers.get_content_type() == "text/event-stream":
            while (line := answer.readline()) and not line.startswith(b"data"):
                pass
        else:
            answer.read()
        return (time.monotonic() - began) * 1000
    finally:
        connection.close()
