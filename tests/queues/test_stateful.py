"""The engine on a real store against a tiny model of it, through whatever may happen in whatever order.

Hypothesis draws what happens: messages, attempts that begin and end when others have changed the queue meanwhile,
operators' words, changes of destinations, new owners. After each step the rows must say what the model says.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tests.conftest import SetClock
from tests.queues import tiny
from tests.queues.conftest import World
from tests.queues.tiny import Flight
from tests.support import stores, traffic
from waypost.access import operator
from waypost.db.database import Database, Tx
from waypost.delivery.due import DueClock
from waypost.delivery.model import Advance, Delivered, Failed, Park
from waypost.delivery.waits import LOOK_AGAIN_MS, Waits
from waypost.ids import new_id
from waypost.ledger import store as ledger
from waypost.logs.store import LogState
from waypost.queues import children, recount
from waypost.queues import store as rows
from waypost.queues.children import Generation
from waypost.queues.model import SHARDS, Delivery, Ended, Fence, Pending, QueueState, Replay, Versions
from waypost.queues.port import rows_of_settle
from waypost.queues.service import Queues
from waypost.replays.running import Running
from waypost.replays.service import Replays
from waypost.subscriptions.model import Subscription
from waypost.subscriptions.service import Subscriptions
from waypost.vault import keyring
from waypost.vault.keyring import Keyring
from waypost.vault.vault import Vault

T = TypeVar("T")

OPERATOR = operator("test")
# In CI the same walks each time, on both stores; elsewhere every run looks at others, and says how to repeat one.
SETTINGS = settings(
    max_examples=20,
    phases=(Phase.generate, Phase.shrink),
    stateful_step_count=40,
    derandomize="CI" in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# There each step takes longer, and what fails there is seldom worth the minutes that making it small takes.
DRAWN = {"sqlite": SETTINGS, "postgresql": settings(SETTINGS, max_examples=8, phases=(Phase.generate,))}
PICK = st.integers(0, 2**16)
FAILURES = (Failed("no", 503), Failed("busy", 429, retry_after_seconds=30), Failed("never", 422))
PATIENTS = st.frozensets(st.sampled_from("abc"), max_size=2)
OUTCOMES = st.sampled_from([Delivered(200), *FAILURES])


@dataclass(frozen=True)
class Attempt:
    """An attempt under way: what the worker has in hand, and what the model knows of it.

    Its queue may be tidied away meanwhile, when somebody else has ended what it sends.
    """

    flight: Flight
    destination_id: str
    fence: Fence
    sent: Pending
    seen: Versions
    waits: Waits


class Engine(RuleBasedStateMachine):
    """One environment with two destinations: one of them with two queues, and with a child queue per patient."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], db: Database, keys: Keyring) -> None:
        super().__init__()
        self.run, self.db = run, db
        self.clock = SetClock()
        self.vault = Vault(db, keys, self.clock)
        self.model = tiny.Engine(self.clock.now_ms())
        self.attempts: list[Attempt] = []
        self.made: dict[str, Subscription] = {}
        self.named: dict[str, frozenset[str]] = {}

    @initialize()
    def open(self) -> None:
        self.world = World(self.run(traffic.found(self.db, self.clock)), self.clock)
        self.queues = Queues(self.db, self.clock, arrived=_nobody, running=lambda _: False)
        running = Running(self.db, self.world.hot, self.vault, self.clock, _nobody, room=_room)
        self.replays = Replays(self.db, self.world.hot, self.vault, self.clock, _nobody, running, room=_room)
        self.subscriptions = Subscriptions(
            self.db, self.vault, self.clock, pending=rows.pending, skip_all=rows.skip_all,
            opened=lambda *_: None, closed=rows.close_queue, counted=rows.count_of,
        )  # fmt: skip
        source, shared = self.run(self.world.traffic.source()), self.run(self.world.traffic.destination())
        made = [(shared, "PatientAdmin"), (shared, "Results"), (None, "PatientAdmin")]
        for destination, data_model in made:
            subscription = self.run(self.world.traffic.subscription(source, destination, data_model))
            self.made[subscription.id] = subscription
            self.model.open_queue(subscription.id, subscription.destination_id)
        per_patient = self.run(self.world.traffic.subscription(source, shared, "Scheduling"))
        self.model.open_queue(per_patient.id, shared)
        self.per_patient = per_patient
        self.children = Generation(per_patient.id, shared, generation=1, key=b"k" * 32)
        self.take_over()

    @rule(picks=st.lists(PICK, min_size=1, max_size=2))
    @precondition(lambda self: self.open_())
    def accept(self, picks: list[int]) -> None:
        """A message for one or two destinations: a log in a queue of each."""
        chosen = [self.made[self.open_()[pick % len(self.open_())]] for pick in picks]
        wanted = {each.destination_id: each for each in chosen}
        logs = self.run(self.world.traffic.accept(*wanted.values()))
        for log_id, subscription in zip(logs, wanted.values(), strict=True):
            self.model.accept(log_id, subscription.id, subscription.id)

    @rule(patients=PATIENTS)
    @precondition(lambda self: self.has_children())
    def accept_of_patients(self, patients: frozenset[str]) -> None:
        """A message that names some patients, or nobody: one log, in the queue of each."""
        addressee = self.children.addressee(patients)
        self.run(self.world.traffic.accept(self.per_patient, addressees=(addressee,)))
        self.model.accept(addressee.log_id, self.per_patient.id, *addressee.queue_ids)
        self.named[addressee.log_id] = patients

    @rule(pick=PICK)
    @precondition(lambda self: self.due())
    def begin(self, pick: int) -> None:
        """An attempt begins; it may end when much has happened."""
        self.begun(pick)

    def begun(self, pick: int) -> bool:
        """Whether one began: a message that names several patients waits until it is the head of all queues."""
        queue_id = self.due()[pick % len(self.due())]
        head, fence = self.run(self.world.head(queue_id)), self.run(self.world.fence(queue_id))
        flight, sent = self.model.begin(queue_id), self.run(self.world.first(queue_id))
        others = self.run(self.waits.begin(head, head.cursor, sent)) if sent.merges else ()
        assert (others is None) == (flight is None)
        if flight is None:
            due_at = self.clock.now_ms() + LOOK_AGAIN_MS
            wait, beside = lambda tx: self.world.hot.wait(tx, fence, "", due_at), rows_of_settle()
            assert self.run(self.db.write(wait, beside=beside)) is QueueState.waiting
            return False
        found = (sent.log_id, head.failures, head.refusals)
        assert found == (flight.log_id, flight.failures, flight.refused)
        assert tuple(others) == flight.cursors[1:]
        destination_id, fence = self.model.queues[queue_id].destination_id, replace(fence, others=tuple(others))
        self.attempts.append(Attempt(flight, destination_id, fence, sent, head.now, self.waits))
        return True

    @rule(pick=PICK, outcome=OUTCOMES)
    @precondition(lambda self: self.attempts)
    def end(self, pick: int, outcome: Delivered | Failed) -> None:
        """An attempt ends, as the worker settles it; a stale one changes nothing."""
        attempt = self.attempts.pop(pick % len(self.attempts))
        counts = self.model.settle(attempt.flight, outcome)
        before = self.run(self.db.read(self.everything))
        state = self.run(self.settle(attempt, outcome))
        attempt.waits.end(attempt.sent)
        assert state == (self.model.queues[attempt.fence.queue_id].state if counts else None)
        assert (self.run(self.db.read(self.everything)) != before) == counts

    @rule(pick=PICK, outcome=OUTCOMES)
    @precondition(lambda self: self.due())
    def attempt(self, pick: int, outcome: Delivered | Failed) -> None:
        """One that nothing comes between."""
        if self.begun(pick):
            self.end(len(self.attempts) - 1, outcome)

    @rule(pick=PICK)
    @precondition(lambda self: self.live())
    def pause(self, pick: int) -> None:
        queue_id = self.pick_live(pick)
        self.run(self.queues.pause(OPERATOR, queue_id))
        self.model.queues[queue_id].paused = True

    @rule(pick=PICK)
    @precondition(lambda self: self.live())
    def resume(self, pick: int) -> None:
        queue_id = self.pick_live(pick)
        self.run(self.queues.resume(OPERATOR, queue_id))
        self.model.resume(queue_id)

    @rule(pick=PICK)
    @precondition(lambda self: self.live())
    def retry(self, pick: int) -> None:
        queue_id = self.pick_live(pick)
        self.run(self.queues.retry(OPERATOR, queue_id))
        self.model.retry(queue_id)

    @rule(pick=PICK)
    @precondition(lambda self: self.heading())
    def skip(self, pick: int) -> None:
        queue_id = self.heading()[pick % len(self.heading())]
        _, log_id = self.model.queues[queue_id].waiting[0]
        self.run(self.queues.skip(OPERATOR, queue_id, {"logId": log_id, "reason": "poison"}))
        self.model.skip(queue_id)

    @rule(pick=PICK)
    @precondition(lambda self: self.ended())
    def replay(self, pick: int) -> None:
        log_id = self.ended()[pick % len(self.ended())]
        [queue_id, *_] = self.model.logs[log_id].queues
        if log_id in self.named:  # what finds the patients again is `replays/places.py`
            addressee = self.children.addressee(self.named[log_id])
            again = Replay(log_id, self.environment_id, addressee, self.clock.now_ms())
            self.run(self.db.write(lambda tx: self.world.hot.replay(tx, again)))
            self.model.accept(addressee.log_id, self.per_patient.id, *addressee.queue_ids, replay=True)
            self.named[addressee.log_id] = self.named[log_id]
            return
        shown = self.run(self.replays.one(OPERATOR, log_id))
        self.model.accept(shown["id"], queue_id, queue_id, replay=True)

    @rule(pick=PICK)
    def change(self, pick: int) -> None:
        """A PATCH of a destination: its version is another."""
        destination_id = sorted(self.model.versions)[pick % len(self.model.versions)]
        statement = "UPDATE destination SET version = version + 1 WHERE id = :id"
        self.run(self.world.traffic.execute(statement, id=destination_id))
        self.model.versions[destination_id] += 1

    @rule()
    def take_over(self) -> None:
        """Another worker owns everything: what was under way is a stale owner's."""
        self.run(self.world.take_over(new_id()))
        self.waits = Waits(self.db, self.world.hot, DueClock(self.clock))
        self.model.take_over()

    @rule()
    @precondition(lambda self: self.made)
    def tidy(self) -> None:
        """Child queues in which nothing waits are removed."""

        def remove(tx: Tx) -> int:
            idle = children.idle(tx, range(SHARDS), limit=10_000)  # those of other examples, too
            return children.remove(tx, [queue_id for queue_id in idle if queue_id in self.model.queues])

        assert self.run(self.db.write(remove)) == self.model.tidy()

    @rule(pick=PICK)
    @precondition(lambda self: len({self.model.queues[each].owner for each in self.live()}) > 1)
    def delete(self, pick: int) -> None:
        """A subscription goes, and with it what waits."""
        owner = self.model.queues[self.pick_live(pick)].owner
        self.run(self.subscriptions.delete(OPERATOR, owner, {"reason": "moved"}))
        self.model.close(owner)

    @rule(seconds=st.sampled_from([0.001, 10, 120]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.model.now = self.clock.now_ms()

    @invariant()
    def rows_say_what_the_model_says(self) -> None:
        if self.made:
            self.run(self.db.read(self.compare))

    def teardown(self) -> None:
        assert self.run(self.db.read(recount.faults)) == []

    def compare(self, tx: Tx) -> None:
        """Every queue's order, cursor, state and due time; what is due and stale; the ledger; every log."""
        now, hot = self.clock.now_ms(), self.world.hot
        due = {queue_id for queue_id, _ in hot.due(tx, now, 10_000, range(SHARDS))[0]}
        for queue_id, queue in self.model.queues.items():
            head = hot.head(tx, queue_id)
            assert head is not None
            found = [(pending.seq, pending.log_id) for pending in hot.waiting(tx, queue_id, head.cursor, 1000)]
            assert (head.cursor, head.state, found) == (queue.cursor, queue.state, queue.waiting)
            assert (head.due_at is None) == (queue.state in {QueueState.idle, QueueState.paused})
            if head.state is QueueState.held:
                assert (head.due_at, head.attempts) == (queue.held_until, queue.failures)
            if head.state is QueueState.waiting:
                assert head.due_at == queue.looks_at
            assert head.may_run(now) == self.model.is_due(queue_id)
            is_stale = queue_id in hot.stale(tx, head.destination_id, 100)
            assert is_stale == (queue.state is QueueState.held and head.seen != head.now)
            assert (queue_id in due or is_stale) == self.model.is_due(queue_id)  # no wake-up is lost
        counts = ledger.total(tx, self.world.traffic.environment_id)
        ended = [self.model.count(state) for state in LogState if state is not LogState.pending]
        replayed = sum(queue.replayed for queue in self.model.queues.values())
        assert (counts.accepted, counts.replayed) == (len(self.model.logs) - replayed, replayed)
        assert [counts.delivered, counts.filtered, counts.skipped, counts.parked] == ended
        assert counts.pending == self.model.count(LogState.pending)
        query = "SELECT id, seq, state FROM log WHERE environment_id = :id"
        logs = {row.id: (row.seq, row.state) for row in tx.execute(sa.text(query), {"id": self.environment_id})}
        assert logs == {log_id: (log.seq, log.state) for log_id, log in self.model.logs.items()}

    def everything(self, tx: Tx) -> list[list[Any]]:
        """Every row that a settle may touch."""
        mine = "SELECT queue_id FROM queue_head WHERE environment_id = :id"
        statements = (
            "SELECT * FROM queue_head WHERE environment_id = :id ORDER BY queue_id",
            f"SELECT * FROM queue_tail WHERE queue_id IN ({mine}) ORDER BY queue_id",
            "SELECT * FROM log WHERE environment_id = :id ORDER BY id",
            "SELECT a.* FROM attempt a JOIN log l ON l.id = a.log_id WHERE l.environment_id = :id ORDER BY a.id",
        )
        return [list(tx.execute(sa.text(each), {"id": self.environment_id})) for each in statements]

    async def settle(self, attempt: Attempt, outcome: Delivered | Failed) -> QueueState | None:
        """As `delivery/settling.py` does it."""
        now, fence, hot = self.clock.now_ms(), attempt.fence, self.world.hot
        ended = Ended(new_id(), now, now, "delivered", outcome.status, None, None)
        if isinstance(outcome, Failed):
            ended = replace(ended, outcome="failed", reason=outcome.reason)

        def write(tx: Tx) -> QueueState | None:
            changed = hot.versions(tx, [attempt.destination_id]).get(attempt.destination_id) != attempt.seen
            match tiny.decided(attempt.flight, outcome, changed=changed, now_ms=now):
                case Advance() if not fence.others:
                    return hot.advance_many(tx, [Delivery(fence, attempt.sent, ended, attempt.seen)])[0]
                case Advance():
                    return hot.advance(tx, fence, attempt.sent, ended, attempt.seen)
                case Park(reason):
                    return hot.advance(tx, fence, attempt.sent, ended, attempt.seen, parked=reason)
                case step:
                    return hot.hold(
                        tx, fence, attempt.sent, ended, seen=attempt.seen,
                        attempts=step.attempts, due_at=step.due_at, refused=step.refused,
                    )  # fmt: skip

        others = [queue_id for queue_id, _ in fence.others]
        return await self.db.write(write, beside=rows_of_settle(fence.queue_id, *others))

    @property
    def environment_id(self) -> str:
        return self.world.traffic.environment_id

    def live(self) -> list[str]:
        return [queue_id for queue_id, queue in self.model.queues.items() if not queue.closed]

    def pick_live(self, pick: int) -> str:
        return self.live()[pick % len(self.live())]

    def open_(self) -> list[str]:
        """The queues of live subscriptions without child queues."""
        return [queue_id for queue_id in self.live() if queue_id in self.made]

    def has_children(self) -> bool:
        return bool(self.made) and not self.model.queues[self.per_patient.id].closed

    def due(self) -> list[str]:
        return [queue_id for queue_id in self.live() if self.model.is_due(queue_id)]

    def heading(self) -> list[str]:
        """Queues whose first message can be skipped."""
        return [queue_id for queue_id in self.live() if self.model.heads(queue_id)]

    def ended(self) -> list[str]:
        """Logs that may be replayed."""
        live = {*self.open_(), *(self.named if self.has_children() else ())}
        logs = self.model.logs.items()
        return [each for each, log in logs if log.state is not LogState.pending and {each, *log.queues} & live]


def _room() -> None:
    """There is always room."""


def _nobody(queue_id: str, destination_id: str) -> None:
    """Nobody is told."""


@pytest.mark.parametrize("kind", stores.STORES)
def test_the_engine_does_what_a_tiny_model_of_it_does(kind: str, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        opened = stores.opened(kind, tmp_path)
        db = runner.run(opened.__aenter__())
        keys = keyring.create(tmp_path / "sealing.key")
        try:

            class Opened(Engine):
                def __init__(self) -> None:
                    super().__init__(runner.run, db, keys)

            run_machine(Opened, settings=DRAWN[kind])
        finally:
            runner.run(opened.__aexit__(None, None, None))
