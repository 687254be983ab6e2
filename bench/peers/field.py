"""The field: who is in it, with which settings, and what each needs before it can start."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import stores
from bench.peers import installing
from bench.peers.contestant import Contestant, Peer, Size
from bench.peers.installing import PROGRAMS, VENV
from bench.peers.ours import Ours
from bench.peers.stores import Redis
from bench.processes import BenchFailed, Child
from bench.stores import StoreKind
from servers import postgresql
from servers.postgresql import ServerFailed, awaited, statement

PYTHON = (str(VENV / "bin" / "python"), "-m")
OURS = "bench.peers.programs"
ACKS = "`task_acks_late` and `task_reject_on_worker_lost`, its default prefetch and visibility timeout (an hour)"
NAMES = ("waypost-sqlite", "waypost-postgresql", "bullmq", "celery", "procrastinate", "pg-boss")


@dataclass(frozen=True, slots=True)
class Field:
    """What a contestant is made with; `stack` ends what it starts."""

    stack: ExitStack
    load: Child
    sink: Child
    size: Size
    folder: Path

    def entered(self, name: str) -> Iterator[Contestant]:
        """The contestants of that name, started. Raises BenchFailed when one cannot be."""
        for made in _MAKERS[name](self):
            try:
                made.open(self.stack)
            except OSError as error:
                raise BenchFailed(f"{made.name}: {error}") from error
            yield made

    def peer(self, name: str, about: str, *, producer: Sequence[str], worker: Sequence[str], store: str) -> Peer:
        """A peer with those programs."""
        return Peer(
            name, about, producer=producer, worker=worker, store=store, sink=self.sink, size=self.size,
            folder=self.folder,
        )  # fmt: skip

    def redis(self, fsync: str) -> str:
        """The URL of a Redis of its own."""
        _need(installing.redis())
        folder = self.folder / f"redis-{len(list(self.folder.glob('redis-*')))}"
        return self.stack.enter_context(Redis(folder, fsync)).url

    def database(self, name: str) -> str:
        """The URL of an empty database on a PostgreSQL of its own."""
        try:
            server = postgresql.Postgresql(self.folder / f"pg-{name}", *postgresql.SAFE).start()
        except ServerFailed as error:
            raise BenchFailed(str(error)) from error
        self.stack.callback(server.stop)
        awaited(statement(server.url("postgres"), f"CREATE DATABASE {name}"))
        return server.url(name)


def _waypost(kind: StoreKind, name: str) -> Callable[[Field], Iterator[Contestant]]:
    def make(field: Field) -> Iterator[Contestant]:
        folder = field.folder / f"waypost-{kind}"
        folder.mkdir()
        store = field.stack.enter_context(stores.opened(kind, folder))
        yield Ours(name, store, field.load, field.sink, field.size)

    return make


def _bullmq(field: Field) -> Iterator[Contestant]:
    _need(installing.node())
    program = str(PROGRAMS / "bullmq.mjs")
    for fsync in ("always", "everysec"):
        yield field.peer(
            f"BullMQ, appendfsync {fsync}",
            f"Redis with `appendonly yes`, `appendfsync {fsync}` and `noeviction`; concurrency 100, undici, jobs"
            " removed when done, its default check for stalled jobs (30 s)",
            producer=("node", program, "produce"), worker=("node", program, "work"), store=field.redis(fsync),
        )  # fmt: skip


def _celery(field: Field) -> Iterator[Contestant]:
    _need(installing.python())
    processes = 4 * (os.cpu_count() or 1)
    pools = {"prefork": processes, "gevent": 100}
    for pool, concurrency in pools.items():
        worker = [*PYTHON, "celery", "-A", f"{OURS}.celery_app", "worker", "-P", pool, "-c", str(concurrency)]
        yield field.peer(
            f"Celery, {pool}",
            f"Redis with `appendonly yes`, `appendfsync everysec`; {ACKS}; `--pool {pool} --concurrency"
            f" {concurrency}`, requests with a session",
            producer=(*PYTHON, f"{OURS}.celery_producer"),
            worker=(*worker, "-l", "ERROR", "--without-gossip", "--without-mingle"), store=field.redis("everysec"),
        )  # fmt: skip


def _procrastinate(field: Field) -> Iterator[Contestant]:
    _need(installing.python())
    yield field.peer(
        "procrastinate",
        "PostgreSQL with `fsync=on`; one worker, concurrency 50, aiohttp; stalled jobs retried by the periodic"
        " task of its documents, every ten minutes",
        producer=(*PYTHON, f"{OURS}.procrastinate_producer"),
        worker=(*PYTHON, f"{OURS}.procrastinate_worker"), store=field.database("procrastinate"),
    )  # fmt: skip


def _pgboss(field: Field) -> Iterator[Contestant]:
    _need(installing.node())
    program = str(PROGRAMS / "pgboss.mjs")
    yield field.peer(
        "pg-boss",
        "PostgreSQL with `fsync=on`; batches of 500 polled for every 0.5 s, which is the least it takes, undici;"
        " its default expiration of jobs (15 min)",
        producer=("node", program, "produce"), worker=("node", program, "work"), store=field.database("pgboss"),
    )  # fmt: skip


_MAKERS: dict[str, Callable[[Field], Iterator[Contestant]]] = {
    "waypost-sqlite": _waypost("sqlite", "Waypost on SQLite"),
    "waypost-postgresql": _waypost("postgresql", "Waypost on PostgreSQL"),
    "bullmq": _bullmq,
    "celery": _celery,
    "procrastinate": _procrastinate,
    "pg-boss": _pgboss,
}


def _need(absent: str) -> None:
    if absent:
        raise BenchFailed(absent)
