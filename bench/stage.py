"""Where the rounds play: a server on a fresh folder, who calls it, and who is called by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from bench.processes import BenchFailed, Child
from bench.stores import Place, Store


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Seconds and counts are those of one round."""

    rounds: int = 5
    queues: int = 200
    connections: int = 32
    accept_seconds: float = 1.5
    commits: int = 10_000
    backlog: int = 10_000
    backlog_of_one: int = 1_000
    rate: int = 200
    pace_seconds: float = 10
    patches: int = 1_000
    patch_seconds: float = 4
    patch_backlog: int = 15_000
    isolated: int = 100
    isolation_seconds: float = 5
    scale_queues: int = 5_000
    scale_few: int = 1_000
    scale_tail: int = 4
    scale_deep: int = 50_000
    scale_crowd: int = 2_000
    wait_seconds: float = 240


FULL = Size(
    rounds=9, accept_seconds=5, commits=40_000, backlog=40_000, backlog_of_one=4_000, pace_seconds=20,
    patches=4_000, patch_seconds=10, patch_backlog=40_000, isolation_seconds=15,
    scale_queues=20_000, scale_deep=1_000_000, scale_crowd=10_000,
)  # fmt: skip


class Stage:
    """A server whose queues are made but empty, with a client and a receiver."""

    def __init__(self, server: Child, load: Child, sink: Child, size: Size) -> None:
        self.server, self.load, self.sink, self.size = server, load, sink, size
        self.port: int = server.hello["port"]
        self.url = f"http://127.0.0.1:{sink.hello['port']}/redox"
        self.ends: dict[str, Any] = server.ask("prepare", queues=size.queues, url=self.url)

    def token(self, whose: Literal["source", "user"]) -> str:
        """A fresh access token."""
        tokens: dict[str, str] = self.server.ask("tokens")
        return tokens[whose]

    def fill(self, count: int, queues: int) -> None:
        """Have so many messages wait in so many queues, with nothing delivered."""
        self.server.ask("rest")
        self.server.ask("fill", count=count, queues=queues)
        self.sink.ask("reset")

    def wait(self, count: int) -> float:
        """Wait until the sink has exactly so many; when the last one came. Raises BenchFailed."""
        done = self.sink.ask("wait", count=count, seconds=self.size.wait_seconds)
        if done["received"] != count:
            raise BenchFailed(f"{done['received']} messages were delivered instead of {count}.")
        return float(done["last"])


@contextmanager
def stage(store: Store, load: Child, sink: Child, size: Size) -> Iterator[Stage]:
    """The bench's server on a copy of a new store."""
    with TemporaryDirectory(dir=store.folder) as place, server(store, store.copy(Path(place, "data"))) as made:
        yield Stage(made, load, sink, size)


def server(store: Store, place: Place) -> Child:
    """A server of the bench on a copy of the store."""
    log = place.folder.with_name("log")
    return Child("bench.server", str(place.folder), store.environment_id, log=log, environment=place.environment)
