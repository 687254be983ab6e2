"""Carrying out replays of many: page by page in the background, each page and its cursor in one transaction.

What a crash interrupts goes on at the next start, or on another node that sees it stand still, with no log
replayed twice: a page counts only from where its part's cursor is.
"""

import asyncio

import structlog

from waypost.background import Loop, ended
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.disk import Room
from waypost.errors import Unavailable
from waypost.queues.model import Addressee, Arrived, Replay
from waypost.queues.port import Hot
from waypost.replays import places, store
from waypost.replays.model import Part, ReplayOfMany, ReplayState
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

LOGS_A_PAGE = 100
REST_SECONDS = 2.0
LOOK_SECONDS = 4.0
"""A replay that has not moved from one look to the next has nobody who carries it out."""

NextLogs = tuple[ReplayOfMany, Part, list[tuple[str, str, str]], int]
"""A replay, one part of it, the next logs with subscription and message, and where the part stands then."""

log = structlog.get_logger("waypost.replays")


class Running:
    """The replays that this node carries out. `start` and `stop` are safe to call twice."""

    def __init__(
        self, db: Database, hot: Hot, vault: Vault, clock: Clock, arrived: Arrived, *, room: Room
    ) -> None:
        self._db = db
        self._hot = hot
        self._vault = vault
        self._clock = clock
        self._arrived = arrived
        self._require_room = room
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._standing: dict[str, store.Reached] = {}
        self._loop = Loop("replays", self._look, rest_seconds=LOOK_SECONDS)

    async def start(self) -> None:
        """Go on with every replay that is not done, as far as no other node may be at it; look after the rest."""
        standing = await self._db.read(store.standing)
        if self._db.shared:
            self._standing = standing
            self._loop.start(after_seconds=LOOK_SECONDS)
            return
        for replay_id in standing:
            self.begin(replay_id)

    async def stop(self) -> None:
        """Leave the rest for the next start, or for another node."""
        await self._loop.stop()
        await ended(*self._tasks.values())

    def begin(self, replay_id: str) -> None:
        """Carry out a replay, unless this node is at it already."""
        if replay_id in self._tasks:
            return
        task = asyncio.create_task(self._run(replay_id), name=f"replay {replay_id}")
        self._tasks[replay_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(replay_id, None))

    async def step(self, replay_id: str) -> bool:
        """Carry out the next page; False when the replay is done, or another node was quicker. Safe on many."""
        page = await self._db.read(lambda tx: self._page(tx, replay_id))
        if page is None:
            await self._db.write(lambda tx: store.finish(tx, replay_id, self._clock.now_ms()))
            return False
        return await self._put(page)

    async def _look(self) -> float:
        """Go on with what stands still: the node that was at it has died, or has stopped."""
        before, self._standing = self._standing, await self._db.read(store.standing)
        for replay_id, standing in self._standing.items():
            if before.get(replay_id) == standing:
                self.begin(replay_id)
        return LOOK_SECONDS

    async def _run(self, replay_id: str) -> None:
        more = True
        while more:
            try:
                self._require_room()
                more = await self.step(replay_id)
            except Unavailable as error:
                log.warning("replay.rests", replay_id=replay_id, detail=error.detail)
                await asyncio.sleep(REST_SECONDS)
            except Exception as error:  # a fault of ours must not end it
                log.error("replay.failed", replay_id=replay_id, exc_info=error)
                await asyncio.sleep(REST_SECONDS)

    def _page(self, tx: Tx, replay_id: str) -> NextLogs | None:
        """What comes next; None when nothing does."""
        of, part = store.get(tx, replay_id), store.next_part(tx, replay_id)
        if of is None or part is None or of.state is ReplayState.done:
            return None
        rows = store.covered(tx, of, part, LOGS_A_PAGE)
        cursor = rows[-1].seq if len(rows) == LOGS_A_PAGE else part.last
        return of, part, [(row.id, row.subscription_id, row.message_id) for row in rows], cursor

    async def _put(self, page: NextLogs) -> bool:
        """Put a page's logs at the tails of their queues, if they can still be sent; False if another node did."""
        of, part, found, cursor = page

        def write(tx: Tx) -> set[str] | None:
            if not store.move(tx, part, cursor):
                return None
            kept = store.still(tx, [log_id for log_id, *_ in found])
            now, put = self._clock.now_ms(), 0
            queues: set[str] = set()
            for log_id, subscription_id, message_id in found:
                addressee = self._addressee(tx, subscription_id, message_id) if log_id in kept else None
                if addressee is not None:
                    self._hot.replay(tx, Replay(log_id, of.environment_id, addressee, now))
                    queues.update(addressee.queue_ids)
                    put += 1
            store.add(tx, of.id, put)
            return queues

        queues = await self._db.write(write)
        for queue_id in queues or ():
            self._arrived(queue_id, part.destination_id)
        return queues is not None

    def _addressee(self, tx: Tx, subscription_id: str, message_id: str) -> Addressee | None:
        """Where a log goes again; None when its subscription, its message or the key of either is gone."""
        try:
            found = places.addressee(tx, self._vault, subscription_id, message_id)
        except KeyUnavailable:
            return None
        return None if isinstance(found, places.Gone) else found
