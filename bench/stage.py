"""Where the parts play: a server on a fresh store, who calls it, and who is called by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from bench import messages
from bench.processes import BenchFailed, Child
from bench.stores import ServerData, Store
from waypost.demo.progress import Steps


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Seconds and counts are those of one round."""

    rounds: int = 5
    queues: int = 200
    connections: int = 32
    accept_seconds: float = 1
    commits: int = 3_000
    batches: int = 4
    batch_lines: int = 500
    backlog: int = 4_000
    backlog_of_one: int = 400
    wrk_seconds: int = 1
    both_seconds: float = 1.5
    rate: int = 200
    pace_seconds: float = 4
    patches: int = 500
    patch_seconds: float = 1.5
    patch_backlog: int = 4_000
    isolated: int = 100
    isolation_seconds: float = 3
    scale_queues: int = 5_000
    scale_most: int = 20_000
    scale_few: int = 1_000
    scale_tail: int = 2
    scale_deep: int = 50_000
    scale_crowd: int = 2_000
    rest_seconds: float = 1.0
    recovery_backlog: int = 2_000
    growth_steps: int = 24
    growth_a_step: int = 20
    message_bytes: int = messages.SIZE
    pages_queues: int = 2_000
    pages_logs: int = 50_000
    pages_calls: int = 5
    workers_backlog: int = 3_000
    wait_seconds: float = 240


FULL = Size(
    rounds=9, accept_seconds=5, commits=40_000, backlog=40_000, backlog_of_one=4_000, wrk_seconds=5,
    both_seconds=8, pace_seconds=20, patches=4_000, patch_seconds=10, patch_backlog=40_000, isolation_seconds=15,
    scale_queues=20_000, scale_most=100_000, scale_tail=4, scale_deep=1_000_000, scale_crowd=10_000,
    recovery_backlog=20_000, growth_a_step=200, pages_queues=20_000, pages_logs=1_000_000,
    workers_backlog=40_000,
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

    def sample(self) -> str:
        """The bytes of a delivery, one character a byte; leaves the server delivering."""
        self.fill(1, 1)
        self.server.ask("deliver")
        self.wait(1)
        return str(self.sink.ask("sample"))


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part is given. `notes` says what is not measured here, `failed` what was begun in vain."""

    store: Store
    load: Child
    sink: Child
    size: Size
    progress: Steps
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def place(self) -> Iterator[ServerData]:
        """A copy of the new store."""
        with TemporaryDirectory(dir=self.store.folder) as folder:
            yield self.store.copy(Path(folder, "data"))

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """The bench's server on a copy of the new store."""
        with self.fresh() as made:
            yield Stage(made, self.load, self.sink, self.size)

    @contextmanager
    def fresh(self, **settings: str) -> Iterator[Child]:
        """The bench's server on a copy of the new store, with nothing made in it."""
        with self.place() as place, server(self.store, place, **settings) as made:
            yield made

    def note(self, words: str) -> None:
        """Say what is not measured."""
        self.notes.append(words)
        self.progress.say(f"Not measured: {words}")

    def fail(self, part: str, words: str) -> None:
        """Say what was begun in vain."""
        self.failed.append(f"{part}: {words}")
        self.progress.say(f"Failed: {part}: {words}")


def server(store: Store, place: ServerData, **settings: str) -> Child:
    """A server of the bench on that store."""
    log = place.folder.with_name("log")
    environment = place.environment | settings
    return Child("bench.server", str(place.folder), store.environment_id, log=log, environment=environment)
