"""What `/metrics` tells: counts and times, labelled by ids and outcomes, never by names or content.

Counters are this node's own. What the store holds is read when it is asked for, and the same on every node.
`docs/reference/metrics.md` says what each means.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class EnvironmentFigures:
    """How one environment stands: queues by state, logs by how they ended; ages are 0 where nothing waits."""

    id: str
    queues: Mapping[str, int]
    pending: int
    ended: Mapping[str, int]
    accepted: int
    replayed: int
    oldest_seconds: float
    held_seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the store holds. Waiting `notices` are by environment and channel, `quotas` by environment."""

    environments: Iterable[EnvironmentFigures] = ()
    notices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    quotas: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)


class Metrics:
    """One node's counters, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._accepted = Counter("waypost_logs_accepted", "Logs accepted by this node.", registry=self._registry)
        self._refused = Counter(
            "waypost_messages_refused", "Messages refused by this node.", ["status"], registry=self._registry
        )
        self._attempts = Counter(
            "waypost_attempts", "Attempts ended on this node.", ["outcome"], registry=self._registry
        )
        self._purged = Counter(
            "waypost_rows_purged", "Rows that retention removed on this node.", ["table"], registry=self._registry
        )
        self._seconds = Histogram(
            "waypost_attempt_seconds", "Length of this node's attempts.", registry=self._registry
        )
        self._notices = Counter(
            "waypost_notices", "Notices sent by this node, and failures.", ["channel", "outcome"],
            registry=self._registry,
        )  # fmt: skip
        self._quota_reached = Counter(
            "waypost_quota_reached", "Requests with messages that a quota refused.", ["environment", "quota"],
            registry=self._registry,
        )  # fmt: skip
        self._purged.labels("log")
        for outcome in ("delivered", "failed"):  # there from the start, so that a rate can be had of the first one
            self._attempts.labels(outcome)
        for channel in ("webhook", "smtp"):
            for outcome in ("sent", "failed"):
                self._notices.labels(channel, outcome)

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

    def watch_disk(self, free: Callable[[], int]) -> None:
        """Tell how much room is left each time somebody asks."""
        words = "Free bytes of the data folder's disk."
        Gauge("waypost_disk_free_bytes", words, registry=self._registry).set_function(free)

    def purged(self, table: str, rows: int) -> None:
        """Retention removed rows of a table."""
        self._purged.labels(table).inc(rows)

    def quota_reached(self, environment_id: str, quota: str) -> None:
        """A quota of an environment refused messages."""
        self._quota_reached.labels(environment_id, quota).inc()

    def notice(self, channel: str, outcome: str) -> None:
        """A notice was sent by a channel, or was not."""
        self._notices.labels(channel, outcome).inc()

    def exposed(self, figures: Figures | None, *, disk_low: bool = False) -> bytes:
        """The Prometheus text exposition; None when the store cannot be asked."""
        return generate_latest(_Exposed((*self._registry.collect(), *_families(figures, disk_low))))


@dataclass(frozen=True)
class _Exposed(Collector):
    """What is told once."""

    families: tuple[Metric, ...]

    def collect(self) -> Iterator[Metric]:
        return iter(self.families)


def _families(figures: Figures | None, disk_low: bool) -> Iterator[Metric]:
    yield GaugeMetricFamily("waypost_store_up", "Whether the store answers this node.", int(figures is not None))
    yield GaugeMetricFamily("waypost_disk_low", "Whether this node's disk is under its floor.", int(disk_low))
    if figures is not None:
        yield from _of_environments(list(figures.environments))
        yield _waiting(figures.notices)
        yield _quotas(figures.quotas)


def _of_environments(found: Sequence[EnvironmentFigures]) -> Iterator[Metric]:
    queues = GaugeMetricFamily("waypost_queues", "Queues by state.", labels=["environment", "state"])
    ended = CounterMetricFamily("waypost_logs_ended", "Logs that ended.", labels=["environment", "state"])
    for each in found:
        for state, count in each.queues.items():
            queues.add_metric([each.id, state], count)
        for state, count in each.ended.items():
            ended.add_metric([each.id, state], count)
    yield from (queues, ended)
    for family, value in (
        (_gauge("waypost_logs_pending", "Logs that wait to be delivered."), attrgetter("pending")),
        (_gauge("waypost_oldest_pending_seconds", "Age of the oldest waiting log."), attrgetter("oldest_seconds")),
        (_gauge("waypost_held_seconds", "How long the longest hold lasts."), attrgetter("held_seconds")),
        (_counter("waypost_logs_received", "Logs that came in, on any node."), attrgetter("accepted")),
        (_counter("waypost_logs_replayed", "Logs that were replayed."), attrgetter("replayed")),
    ):
        for each in found:
            family.add_metric([each.id], value(each))
        yield family


def _waiting(notices: Mapping[tuple[str, str], int]) -> Metric:
    labels = ["environment", "channel"]
    family = GaugeMetricFamily("waypost_notices_waiting", "Notices that wait to be sent.", labels=labels)
    for key, count in notices.items():
        family.add_metric(list(key), count)
    return family


def _quotas(found: Mapping[str, Mapping[str, int | None]]) -> Metric:
    labels = ["environment", "quota"]
    family = GaugeMetricFamily("waypost_quota", "What an environment may take.", labels=labels)
    for environment_id, quotas in found.items():
        for name, most in quotas.items():
            if most is not None:
                family.add_metric([environment_id, name], most)
    return family


def _gauge(name: str, words: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=["environment"])


def _counter(name: str, words: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, words, labels=["environment"])
