"""What is counted and logged of attempts: a queue begins to hold, holds for another reason, or moves again."""

import structlog

from waypost.delivery.settling import Settled
from waypost.metrics import Metrics
from waypost.queues.model import Ended, Head

MOST_TOLD = 10_000
"""Of the reasons that are remembered; one that is forgotten is not told again when it changes."""

log = structlog.get_logger("waypost.delivery")


class Telling:
    """Tells of the queues that this node runs. A retry that fails as the one before it is no news."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._told: dict[str, str | None] = {}

    def ended(self, head: Head, ended: Ended, tried: int, settled: Settled | None) -> None:
        """Hear how an attempt ended, after so many in a row had failed, and how its queue stands."""
        self._metrics.attempt(ended.outcome, max(0, ended.ended_at - ended.started_at) / 1000)
        words = {"queue_id": head.queue_id, "destination_id": head.destination_id}
        told = self._told.pop(head.queue_id, None)
        if settled is None:
            log.warning("queue.taken_over", **words)
        elif settled.parked:
            log.warning("message.parked", reason=ended.reason, status=ended.status, **words)
        elif ended.outcome == "failed":
            self._remember(head.queue_id, ended.reason)
            if not tried or told not in {None, ended.reason}:
                log.warning("queue.held", reason=ended.reason, status=ended.status, **words)
        elif tried:
            log.info("queue.released", after_attempts=tried, **words)

    def _remember(self, queue_id: str, reason: str | None) -> None:
        if len(self._told) >= MOST_TOLD:  # queues that ended otherwise, or that others run by now
            self._told.clear()
        self._told[queue_id] = reason
