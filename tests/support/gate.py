"""Behaviours that make a `Receiver` a gate before another server: it passes requests on, or lets them go wrong.

gate = Receiver(forward(azurite.port))
gate.behave(unheard(azurite.port), forward(azurite.port))
"""

import http.client
from collections.abc import Callable

from tests.support.receiver import Behaviour, Reply, Request, Wire, answer, reset


def forward(port: int) -> Callable[[Request], Reply]:
    """The gate's usual behaviour: what the store answers."""

    return lambda request: passed(port, request)[1]


def passed(port: int, request: Request) -> tuple[int, Reply]:
    """What the server there answers: its status, and the whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    connection.endheaders(request.body or None)
    got = connection.getresponse()
    headers = {
        name.title(): value
        for name, value in got.getheaders()
        if name.lower() not in {"transfer-encoding", "connection", "keep-alive"}
    }
    body = got.read()
    connection.close()
    length = headers if request.method == "HEAD" else headers | {"Content-Length": str(len(body))}
    return got.status, answer(got.status, body, length)


def unheard(port: int) -> Callable[[Request], Reply]:
    """The store does as it is asked, but its answer never arrives."""

    def swallow(request: Request) -> Reply:
        forward(port)(request)
        return reset()

    return swallow


def cut_half_way() -> Reply:
    """The connection dies in the middle of the request's body."""

    def play(wire: Wire) -> None:
        wire.read(100)
        wire.reset()

    return Reply(play, before_body=True)


def only(methods: set[str], then: Behaviour, otherwise: Reply) -> Callable[[Request], Reply]:
    """Another reply to all other methods."""

    def choose(request: Request) -> Reply:
        if request.method not in methods:
            return otherwise
        return then if isinstance(then, Reply) else then(request)

    return choose
