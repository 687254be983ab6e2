"""What operators can do with queues: look, pause, resume, retry now, skip the head with a reason."""

from collections.abc import Callable, Sequence
from typing import Any

from waypost.access import ANY_ROLE, ENGINEER, Caller, EnvironmentRole, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.errors import Conflict, NotFound
from waypost.queues import operations, store
from waypost.queues.model import EVERY, Arrived, Only, QueueState, QueueView
from waypost.validation import Body, Line, checked

IsRunning = Callable[[str], bool]
"""Whether a message of this queue is on its way."""

Change = Callable[[Tx, QueueView, int], Sequence[str] | None]
"""What is done to a queue, now; the queues that it touched, when they are more than that one."""


class QueueSkip(Body):
    """Body of Skip: the log that is thought to be the head, and why it is given up."""

    logId: str
    reason: Line


class Queues:
    """The queues of every environment."""

    def __init__(self, db: Database, clock: Clock, *, arrived: Arrived, running: IsRunning) -> None:
        self._db = db
        self._clock = clock
        self._arrived = arrived
        self._running = running

    async def page(
        self,
        caller: Caller,
        environment_id: str,
        *,
        after: tuple[int, str] | None,
        count: int,
        only: Only = EVERY,
    ) -> list[tuple[tuple[int, str], QueueView]]:
        """Queues with their positions, held ones first; one more than `count` when there are more."""
        require_environment(caller, environment_id, ANY_ROLE)
        return await self._db.read(lambda tx: store.page(tx, environment_id, after=after, count=count, only=only))

    async def get(self, caller: Caller, queue_id: str, roles: frozenset[EnvironmentRole] = ANY_ROLE) -> QueueView:
        """One queue, for a caller with one of these roles."""
        return await self._db.read(lambda tx: _in_reach(tx, caller, queue_id, roles))

    async def pause(self, caller: Caller, queue_id: str) -> QueueView:
        """Store what arrives and send nothing, until it is resumed."""

        def change(tx: Tx, queue: QueueView, now_ms: int) -> None:
            if queue.state is not QueueState.paused:
                operations.pause(tx, queue_id)
                self._record(tx, caller, "queue-paused", queue, {})

        return await self._change(caller, queue_id, change)

    async def resume(self, caller: Caller, queue_id: str) -> QueueView:
        """Let a paused queue go on; one that is not paused stays as it is."""

        def change(tx: Tx, queue: QueueView, now_ms: int) -> None:
            if queue.state is QueueState.paused:
                operations.resume(tx, queue_id, now_ms)
                self._record(tx, caller, "queue-resumed", queue, {})

        return await self._change(caller, queue_id, change)

    async def retry(self, caller: Caller, queue_id: str) -> QueueView:
        """Try a held queue's head now; its schedule goes on from where it was."""

        def change(tx: Tx, queue: QueueView, now_ms: int) -> None:
            if queue.state in {QueueState.held, QueueState.waiting}:
                operations.retry(tx, queue_id, now_ms)
                self._record(tx, caller, "queue-retried", queue, {"logId": queue.head_log_id})

        return await self._change(caller, queue_id, change)

    async def skip(
        self, caller: Caller, queue_id: str, raw: Any, *, also: Callable[[Tx], None] | None = None
    ) -> QueueView:
        """Give up the message at the head; its body is kept. Raises Conflict when it is not, or is on its way.

        On the node that owns the queue (`skipping.py`). `also` is done in the same transaction.
        """

        def change(tx: Tx, queue: QueueView, now_ms: int) -> Sequence[str]:
            given = checked(QueueSkip, raw)
            head = operations.head_log(tx, queue.queue_id)
            if head is None or head[1] != given.logId.lower():
                raise Conflict("This log is not at the head of the queue.", code="not_the_head")
            queue_ids = operations.queues_of(tx, queue.queue_id, head[1])
            store.lock(tx, queue_ids)
            self._require_first(tx, queue_ids, head)
            operations.skip(tx, queue_ids, *head, now_ms, given.reason)
            self._record(tx, caller, "log-skipped", queue, {"logId": head[1], "reason": given.reason})
            if also is not None:
                also(tx)
            return queue_ids

        return await self._change(caller, queue_id, change)

    def _require_first(self, tx: Tx, queue_ids: Sequence[str], head: tuple[int, str]) -> None:
        """Raise Conflict unless the message is the head of all its queues and none sends it."""
        if any(operations.head_log(tx, queue_id) != head for queue_id in queue_ids):
            detail = "This log names several patients, and earlier messages of another one are still pending."
            raise Conflict(detail, code="not_the_head")
        if any(self._running(queue_id) for queue_id in queue_ids):
            detail = "The message is on its way; pause the queue, and try again when the attempt has ended."
            raise Conflict(detail, code="in_flight")

    async def _change(self, caller: Caller, queue_id: str, change: Change) -> QueueView:
        def write(tx: Tx) -> tuple[QueueView, Sequence[str]]:
            store.lock(tx, [queue_id.lower()])
            queue = _in_reach(tx, caller, queue_id, ENGINEER)
            touched = change(tx, queue, self._clock.now_ms()) or [queue.queue_id]
            return store.get(tx, queue.queue_id) or queue, touched

        changed, touched = await self._db.write(write)
        for each in touched:
            if each != changed.queue_id or changed.state not in {QueueState.idle, QueueState.paused}:
                self._arrived(each, changed.destination_id)
        return changed

    def _record(
        self, tx: Tx, caller: Caller, type_: str, queue: QueueView, details: dict[str, str | None]
    ) -> None:
        environment = environments.get(tx, queue.environment_id)
        audit.record(
            tx,
            caller,
            type_,
            organization_id=environment.organization_id,
            environment_id=environment.id,
            details={"id": queue.queue_id, **details},
            now_ms=self._clock.now_ms(),
        )


def _in_reach(tx: Tx, caller: Caller, queue_id: str, roles: frozenset[EnvironmentRole]) -> QueueView:
    found = store.get(tx, queue_id.lower())
    if found is None:
        raise NotFound("queue")
    require_environment(caller, found.environment_id, roles, "queue")
    return found
