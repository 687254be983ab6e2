"""What can be replayed, by whom, and the event that is written for it. `running.py` carries out what is long."""

from typing import Any

import sqlalchemy as sa

from waypost.access import ANY_ROLE, ENGINEER, Caller, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.disk import Room
from waypost.environments import store as environments
from waypost.errors import Conflict, NotFound
from waypost.ids import new_id
from waypost.logs import store as logs
from waypost.logs import views
from waypost.queues.model import Addressee, Arrived, Replay
from waypost.queues.port import Hot
from waypost.replays import places, store
from waypost.replays.model import ReplayOfMany, ReplayRange, ReplayState
from waypost.replays.running import Running
from waypost.validation import checked
from waypost.vault.vault import Vault

MOST_RUNNING = 10


class Replays:
    """Replays in every environment."""

    def __init__(
        self,
        db: Database,
        hot: Hot,
        vault: Vault,
        clock: Clock,
        arrived: Arrived,
        running: Running,
        *,
        room: Room,
    ) -> None:
        self._db = db
        self._hot = hot
        self._vault = vault
        self._clock = clock
        self._arrived = arrived
        self._running = running
        self._require_room = room

    async def one(self, caller: Caller, log_id: str) -> dict[str, Any]:
        """The new log, as the API shows it. Raises Conflict: still pending, queue closed, body gone."""

        def write(tx: Tx) -> tuple[Addressee, dict[str, Any]]:
            found = logs.get(tx, log_id.lower())
            if found is None:
                raise NotFound("log")
            require_environment(caller, found.environment_id, ENGINEER, "log")
            self._require_room()
            addressee = self._addressee(tx, found)
            self._hot.replay(tx, Replay(found.id, found.environment_id, addressee, self._clock.now_ms()))
            self._record(
                tx, caller, "log-replayed", found.environment_id, {"id": found.id, "log": addressee.log_id}
            )
            return addressee, views.shown(tx, logs.listed(tx, [addressee.log_id]))[0]

        addressee, shown = await self._db.write(write)
        for queue_id in addressee.queue_ids:
            self._arrived(queue_id, addressee.destination_id)
        return shown

    async def many(self, caller: Caller, environment_id: str, raw: Any) -> ReplayOfMany | int:
        """How many logs a search finds, or the replay of them that has begun, as `dryRun` says.

        Raises Conflict when too many run already.
        """
        require_environment(caller, environment_id, ENGINEER)
        wanted = checked(ReplayRange, raw)
        now = self._clock.now_ms()
        shares = await self._db.read(lambda tx: store.shares(tx, environment_id, wanted, now))
        count = sum(found for _, found in shares)
        if wanted.dryRun:
            return count
        self._require_room()
        made = _begun(environment_id, wanted, count, now)

        def write(tx: Tx) -> None:
            if store.running(tx, environment_id) >= MOST_RUNNING:
                detail = f"{MOST_RUNNING} replays are running in this environment; wait until one is done."
                raise Conflict(detail, code="too_many_replays")
            store.insert(tx, made, [part for part, _ in shares])
            details = {"id": made.id, "filter": made.filter, "count": made.count}
            self._record(tx, caller, "replay-started", environment_id, details)

        await self._db.write(write)
        if made.state is ReplayState.running:
            self._running.begin(made.id)
        return made

    async def progress(self, caller: Caller, environment_id: str, replay_id: str) -> ReplayOfMany:
        """How far a replay of many has come."""
        require_environment(caller, environment_id, ANY_ROLE)
        found = await self._db.read(lambda tx: store.get(tx, replay_id.lower()))
        if found is None or found.environment_id != environment_id:
            raise NotFound("replay")
        return found

    def _addressee(self, tx: Tx, found: sa.Row[Any]) -> Addressee:
        """Where a log is replayed to. Raises Conflict, Unavailable."""
        if found.state == logs.LogState.pending:
            raise Conflict("This log is still pending: it will be delivered.", code="still_pending")
        addressee = places.addressee(tx, self._vault, found.subscription_id, found.message_id)
        match addressee:
            case places.Gone.subscription:
                raise Conflict("The subscription of this log was deleted; no queue takes it.", code="queue_closed")
            case places.Gone.message:
                raise Conflict("The message of this log is no longer kept.", code="payload_gone")
        return addressee

    def _record(self, tx: Tx, caller: Caller, type_: str, environment_id: str, details: dict[str, Any]) -> None:
        audit.record(
            tx,
            caller,
            type_,
            organization_id=environments.get(tx, environment_id).organization_id,
            environment_id=environment_id,
            details=details,
            now_ms=self._clock.now_ms(),
        )


def _begun(environment_id: str, wanted: ReplayRange, count: int, now_ms: int) -> ReplayOfMany:
    filters = wanted.model_dump(exclude={"dryRun"}, exclude_unset=True)
    state, ended_at = (ReplayState.running, None) if count else (ReplayState.done, now_ms)
    return ReplayOfMany(new_id(), environment_id, state, filters, count, 0, now_ms, ended_at)
