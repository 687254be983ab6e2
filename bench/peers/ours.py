"""Waypost as a contestant: the bench's server for what is timed, `waypost serve` for what is killed."""

import time
from contextlib import ExitStack

from bench.accepting import BATCH
from bench.interleaving import Round, rate
from bench.node import Node
from bench.peers.contestant import RESTART_SECONDS, Size, accounted, aftermath, drained, latencies, wait
from bench.processes import BenchFailed, Child
from bench.stage import Size as StageSize
from bench.stage import Stage, server
from bench.stores import ServerData, Store

QUEUES = 200
LINES = 500
CONNECTIONS = 32


class Ours:
    """Waypost on one store, every message durable before it is acknowledged."""

    def __init__(
        self, name: str, store: Store, load: Child, sink: Child, size: Size, *, queues: int = QUEUES
    ) -> None:
        self.name = name
        self.about = f"one process, {queues} destinations, each delivered in order, one message at a time"
        self._queues = queues
        self._store, self._load, self._sink, self._size = store, load, sink, size
        self._stage: Stage | None = None

    def open(self, stack: ExitStack) -> None:
        """Start a server on a fresh store, which is not delivering."""
        place = self._store.copy(self._store.folder / "timed" / "data")
        self._stage = self._prepared(stack.enter_context(server(self._store, place)))

    def carried(self) -> Round:
        """Take a backlog in by `POST /waypost/v1/messages`, then deliver it."""
        on = self._on
        on.server.ask("rest")
        taken = self._posted(on, self._size.count)
        self._sink.ask("reset")
        on.server.ask("deliver")
        delivered = drained(self._sink, self._size)
        on.server.ask("rest")
        return {"accepted": taken, "delivered": delivered}

    def paced(self) -> Round:
        """One message a request to `/endpoint`."""
        on, size = self._on, self._size
        on.server.ask("deliver")
        self._sink.ask("reset", recording=True)
        sent = self._load.ask(
            "pace", port=on.port, token=on.token("source"), connections=CONNECTIONS, rate=size.rate,
            seconds=size.pace_seconds, **on.ends,
        )  # fmt: skip
        wait(self._sink, len(sent), size)
        on.server.ask("rest")
        return latencies([(number, sent_at) for number, sent_at, _ in sent], self._sink)

    def killed(self) -> Round:
        """The same on a store of its own: what is killed is `waypost serve`."""
        size = self._size
        place = self._store.copy(self._store.folder / f"killed-{time.monotonic_ns()}" / "data")
        with server(self._store, place) as made:
            self._posted(self._prepared(made), size.kill_count)
        self._sink.ask("reset", recording=True, delay=size.kill_delay)
        with Node(place) as node:
            wait(self._sink, size.kill_count // 3, size)
            at = node.kill()
            time.sleep(RESTART_SECONDS)
            node.start()
            found = aftermath(self._sink, at, size)
        return accounted(found, self._left(place) if found["missing"] else 0)

    def _left(self, place: ServerData) -> int:
        """How many messages a store that nothing runs on has not delivered."""
        with server(self._store, place) as made:
            return int(made.ask("stored")["pending"])

    def _posted(self, on: Stage, count: int) -> float:
        done = self._load.ask(
            "post_lines", port=on.port, path=BATCH, token=on.token("source"), count=count, lines=LINES, **on.ends
        )
        return rate(done)

    def _prepared(self, made: Child) -> Stage:
        return Stage(made, self._load, self._sink, StageSize(queues=self._queues))

    @property
    def _on(self) -> Stage:
        if self._stage is None:
            raise BenchFailed(f"{self.name} was not started.")
        return self._stage
