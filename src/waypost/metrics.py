"""What `/metrics` tells: counts and times, labelled by ids and outcomes, never by names or content."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One node's counters, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._accepted = Counter("waypost_logs_accepted", "Logs accepted.", registry=self._registry)
        self._refused = Counter(
            "waypost_messages_refused", "Messages refused.", ["status"], registry=self._registry
        )
        self._attempts = Counter("waypost_attempts", "Attempts ended.", ["outcome"], registry=self._registry)
        self._purged = Counter(
            "waypost_rows_purged", "Rows that retention removed.", ["table"], registry=self._registry
        )
        self._seconds = Histogram("waypost_attempt_seconds", "Length of attempts.", registry=self._registry)

    def accepted(self, logs: int) -> None:
        """A message was accepted, with so many logs."""
        self._accepted.inc(logs)

    def refused(self, status: int) -> None:
        """A message was refused."""
        self._refused.labels(str(status)).inc()

    def attempt(self, outcome: str, seconds: float) -> None:
        """An attempt ended."""
        self._attempts.labels(outcome).inc()
        self._seconds.observe(seconds)

    def watch_disk(self, free: Callable[[], int], is_low: Callable[[], bool]) -> None:
        """Tell how much room is left, and whether that is under the floor, each time somebody asks."""
        bytes_ = Gauge("waypost_disk_free_bytes", "Free bytes of the data folder's disk.", registry=self._registry)
        bytes_.set_function(free)
        low = Gauge("waypost_disk_low", "1 while that is under the floor.", registry=self._registry)
        low.set_function(is_low)

    def purged(self, table: str, rows: int) -> None:
        """Retention removed rows of a table."""
        self._purged.labels(table).inc(rows)

    def exposed(self) -> bytes:
        """The Prometheus text exposition."""
        return generate_latest(self._registry)
