"""Whether a node is well: what `/health/ready` and `/metrics` say."""

from waypost.assembly.ground import Ground
from waypost.db.database import Tx
from waypost.errors import Unavailable
from waypost.metrics import Figures
from waypost.notifications import outbox
from waypost.queues import figures
from waypost.quotas import store as quota_rows


class Vitals:
    """Reads them off the ground of a node."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def exposed(self) -> bytes:
        """What `/metrics` says; a store that is away takes only its own figures with it."""
        try:
            found = await self._ground.db.read(self._figures)
        except Unavailable:
            found = None
        return self._ground.metrics.exposed(found, disk_low=self._ground.disk.is_low())

    async def is_ready(self) -> bool:
        """Whether the store answers."""
        try:
            await self._ground.db.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar())
        except Unavailable:
            return False
        return True

    def _figures(self, tx: Tx) -> Figures:
        found = figures.of_environments(tx, self._ground.clock.now_ms())
        quotas = {each: set_.shown() for each, set_ in quota_rows.every(tx).items()}
        return Figures(found, outbox.waiting(tx), quotas)
