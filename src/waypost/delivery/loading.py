"""Loading a queue before it is run: its head, its destination as it is now, and its next messages, opened."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from waypost.db.database import Database, Tx
from waypost.delivery.due import DueClock
from waypost.delivery.item import Opened
from waypost.delivery.model import Parking
from waypost.delivery.slots import Slot
from waypost.delivery.target import Target, Targets
from waypost.delivery.waits import Cursors, Waits
from waypost.errors import NotFound
from waypost.queues.model import Fence, Head, Versions
from waypost.queues.port import Hot
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

MESSAGES_A_LOAD = 16


@dataclass(frozen=True, slots=True)
class Load:
    """What a queue is run on until it is loaded again; `trouble` says why nothing can be sent.

    `behind`: an older generation of the subscription's queues comes first.
    """

    head: Head
    epoch: int
    target: Target | None
    messages: Sequence[Opened]
    trouble: str | None
    parking: Parking | None = None
    behind: bool = False

    @property
    def begun(self) -> Versions:
        """The versions that attempts on this load begin with."""
        return self.target.versions if self.target else self.head.now

    def fence(self, cursor: int, others: Cursors = ()) -> Fence:
        """What must still be so when an attempt on this load is recorded."""
        return Fence(self.head.shard, self.epoch, self.head.queue_id, cursor, others)


class Loader:
    """Loads queues. `epoch` says under which epoch this node speaks for a shard; None when it does not."""

    def __init__(
        self,
        db: Database,
        hot: Hot,
        vault: Vault,
        due: DueClock,
        targets: Targets,
        waits: Waits,
        *,
        epoch: Callable[[int], int | None],
    ) -> None:
        self._db = db
        self._hot = hot
        self._vault = vault
        self._due = due
        self._targets = targets
        self._waits = waits
        self._epoch = epoch

    async def load(self, slot: Slot) -> Load | None:
        """The slot's queue; None when it may not run. Raises NoRoom."""
        return await slot.load(lambda: self._db.read(lambda tx: self._loaded(tx, slot)))

    def is_current(self, load: Load) -> bool:
        """Whether the destination is still the one that was loaded: a change counts for the next attempt."""
        return load.target is None or self._targets.is_kept(load.target)

    def _loaded(self, tx: Tx, slot: Slot) -> Load | None:
        head = self._hot.head(tx, slot.queue_id)
        epoch = None if head is None else self._epoch(head.shard)
        if head is None or epoch is None or not head.may_run(self._due.now_ms()):
            return None
        target, trouble = None, None
        try:
            target = self._targets.of(tx, head)
        except (KeyUnavailable, NotFound) as error:
            trouble = error.detail
        if self._waits.is_behind(tx, head):
            return Load(head, epoch, target, (), trouble, behind=True)
        messages, sealed = self._messages(tx, slot, head)
        parking = None if head.park is None else Parking(**json.loads(head.park))
        return Load(head, epoch, target, messages, sealed or trouble, parking) if messages else None

    def _messages(self, tx: Tx, slot: Slot, head: Head) -> tuple[list[Opened], str | None]:
        """The next messages that open; the first, without its body, and why, where not even that one does."""
        messages: list[Opened] = []
        for pending in slot.within(self._hot.waiting(tx, slot.queue_id, head.cursor, MESSAGES_A_LOAD)):
            try:
                body = self._vault.open(tx, pending.body, table="message", row=pending.message_id)
            except KeyUnavailable as error:
                return (messages, None) if messages else ([Opened(pending, b"")], error.detail)
            messages.append(Opened(replace(pending, body=b""), body))  # sealed, it is of no more use
        return messages, None
