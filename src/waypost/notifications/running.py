"""The background of notices: look for what should be told, and send what waits. Any number of nodes may run it.

Looks and claims are transactions that count once; what a crash interrupts goes on elsewhere, or at the next start.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import structlog

from waypost.background import Loop, ended
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.errors import Unavailable
from waypost.metrics import Metrics
from waypost.notifications import outbox, store, watching
from waypost.notifications.model import Channel
from waypost.notifications.notice import Notice, NoticeKind
from waypost.notifications.outbox import Claimed
from waypost.notifications.sending import NoticeSender, OpenChannel, rounds
from waypost.notifications.service import channels
from waypost.notifications.watching import DiskLook, News
from waypost.queues.port import Hot
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

LOOK_SECONDS = 2.0
REST_SECONDS = 5.0
TIDY_MS = 3_600_000
LEASE_MS = 120_000
ROUND_SECONDS = 60.0
"""Nothing new is sent under a claim that is older: the longest send and its record fit in what is left of it."""
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5, 300

log = structlog.get_logger("waypost.notifications")


class Notifier:
    """Looks and sends on this node. `start` and `stop` are safe to call twice.

    `is_low` says whether the disk of this node is under its floor; `node` is its name in words about that.
    """

    def __init__(
        self,
        db: Database,
        hot: Hot,
        vault: Vault,
        clock: Clock,
        sender: NoticeSender,
        metrics: Metrics,
        *,
        is_low: Callable[[], bool],
        node: str,
    ) -> None:
        self._db = db
        self._hot = hot
        self._vault = vault
        self._clock = clock
        self._sender = sender
        self._metrics = metrics
        self._is_low = is_low
        self._node = node
        self._tidied_at = 0
        self._loop = Loop("notices", self._turn, rest_seconds=REST_SECONDS)
        self._sending: dict[tuple[str, Channel], asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Begin to look and to send. Nobody else has claims on a store that is not shared."""
        if not self._loop.is_running and not self._db.shared:
            await self._db.write(outbox.release_all)
        self._loop.start()

    async def stop(self) -> None:
        """Leave the rest for the next start; what was on its way may be sent again."""
        await self._loop.stop()
        await ended(*self._sending.values())

    async def look(self) -> list[NoticeKind]:
        """Look at queues, keys and the disk once, and write down what should be told; what was told anew."""
        disk = DiskLook(self._node, self._is_low())
        if self._clock.now_ms() - self._tidied_at > TIDY_MS:
            await self._db.write(lambda tx: outbox.tidy(tx, self._clock.now_ms()))
            self._tidied_at = self._clock.now_ms()
        if not await self._db.read(lambda tx: self._found(tx, disk)):
            return []
        told = await self._db.write(
            lambda tx: watching.tell(tx, self._found(tx, disk), self._clock.now_ms())  # as it is by then
        )
        self._loop.wake()
        return told

    async def send_due(self) -> None:
        """Begin to send what is due, each environment and channel by itself."""
        now = self._clock.now_ms()
        for where_ in await self._db.read(lambda tx: outbox.due(tx, now, self._hot.now_ms(tx))):
            if where_ not in self._sending:
                task = asyncio.create_task(self._send(*where_), name="waypost-notice")
                self._sending[where_] = task
                task.add_done_callback(partial(self._has_sent, where_))

    def _has_sent(self, where_: tuple[str, Channel], _: asyncio.Task[None]) -> None:
        self._sending.pop(where_, None)

    def _found(self, tx: Tx, disk: DiskLook) -> News:
        return watching.look(tx, self._clock.now_ms(), disk)

    async def _turn(self) -> float:
        await self.look()
        await self.send_due()
        return LOOK_SECONDS

    async def _send(self, environment_id: str, channel: Channel) -> None:
        """Send what waits in a channel until it fails, or the claim grows old."""
        try:
            claimed = await self._db.write(lambda tx: self._claim(tx, environment_id, channel))
            if claimed is not None:
                await self._carry(environment_id, claimed)
        except Unavailable as error:  # the claim runs out by itself
            log.warning("store.unavailable", detail=error.detail)
        except Exception as error:
            log.error("notifier.failed", exc_info=error)

    def _claim(self, tx: Tx, environment_id: str, channel: Channel) -> Claimed | None:
        now, lease_now = self._clock.now_ms(), self._hot.now_ms(tx)
        return outbox.claim(tx, environment_id, channel, now_ms=now, lease_now_ms=lease_now, lease_ms=LEASE_MS)

    async def _carry(self, environment_id: str, claimed: Claimed) -> None:
        began = time.monotonic()
        opened = await self._db.read(lambda tx: self._opened(tx, environment_id, claimed.channel))
        if isinstance(opened, str):
            await self._failed(claimed, list(claimed.notices), opened)
            return
        for told in rounds(opened.channel, claimed.notices):
            if time.monotonic() - began > ROUND_SECONDS:
                break
            reason = await self._sender.send(opened, told)
            if reason is not None:
                await self._failed(claimed, list(told), reason)
                return
            await self._sent(claimed, list(told))
        await self._db.write(lambda tx: outbox.release(tx, claimed))
        self._loop.wake()

    def _opened(self, tx: Tx, environment_id: str, channel: Channel) -> OpenChannel | str:
        """The channel with its secret, or why it cannot be used."""
        try:
            found = channels(tx, self._vault, store.get(tx, environment_id)).get(channel)
        except KeyUnavailable as error:
            return error.detail
        return found or "The channel was taken away."

    async def _sent(self, claimed: Claimed, told: list[Notice]) -> None:
        await self._db.write(lambda tx: outbox.sent(tx, claimed, told, self._clock.now_ms()))
        for each in told:
            self._metrics.notice(claimed.channel, "sent")
            log.info("notice.sent", notice_id=each.id, kind=each.kind.value, channel=claimed.channel.value)

    async def _failed(self, claimed: Claimed, told: list[Notice], reason: str) -> None:
        wait = min(FIRST_RETRY_SECONDS * 2 ** min(claimed.attempts, 10), LONGEST_RETRY_SECONDS)
        due_at = self._clock.now_ms() + wait * 1000

        def write(tx: Tx) -> None:
            outbox.failed(tx, claimed, told, reason=reason, due_at=due_at)
            outbox.release(tx, claimed)

        await self._db.write(write)
        for each in told:
            self._metrics.notice(claimed.channel, "failed")
            log.warning("notice.failed", notice_id=each.id, channel=claimed.channel.value, reason=reason)
