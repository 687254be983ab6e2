"""The message path of a node: intake, queues, the worker, replays, and what tidies up behind them."""

from dataclasses import dataclass

from waypost.assembly.ground import Ground
from waypost.credentials.authorization import Authorizer
from waypost.credentials.sending import Sender
from waypost.credentials.sharing import Alone, Shared
from waypost.delivery.attempt import Deliverer
from waypost.delivery.due import DueClock
from waypost.delivery.loading import Loader
from waypost.delivery.model import Schedule
from waypost.delivery.ownership import Ownership
from waypost.delivery.runner import Runner
from waypost.delivery.settling import Settling
from waypost.delivery.target import Targets
from waypost.delivery.telling import Telling
from waypost.delivery.waits import Waits
from waypost.delivery.worker import Worker
from waypost.ledger import store as ledger_rows
from waypost.ledger.minutes import Minutes
from waypost.messages.service import Intake
from waypost.payloads.search import PayloadSearches
from waypost.payloads.service import Payloads
from waypost.queues.service import Queues
from waypost.queues.skipping import Skipping
from waypost.quotas.meter import Meter
from waypost.quotas.service import EnvironmentQuotas
from waypost.replays.running import Running
from waypost.replays.service import Replays
from waypost.upkeep.retention import Retention
from waypost.upkeep.service import Upkeep


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that a message meets."""

    authorizer: Authorizer
    sender: Sender
    worker: Worker
    queues: Queues
    skipping: Skipping
    replaying: Running
    replays: Replays
    payloads: Payloads
    payload_searches: PayloadSearches
    meter: Meter
    quotas: EnvironmentQuotas
    intake: Intake
    retention: Retention
    minutes: Minutes
    upkeep: Upkeep

    def wake_credential(self, credential_id: str) -> None:
        """Drop a changed credential's tokens, and try the held queues of every destination that uses it."""
        self.authorizer.forget(credential_id)
        self.worker.wake_credential(credential_id)


def build_engine(ground: Ground) -> Engine:
    """The message path; nothing of it runs yet."""
    db, hot, vault, clock, settings = ground.db, ground.hot, ground.vault, ground.clock, ground.settings
    due, schedule = DueClock(clock), Schedule(settings.retry_schedule)
    ownership = Ownership(db, hot, due, longest_seconds=schedule.longest)
    sharing = Shared(db, vault) if db.shared else Alone()
    authorizer = Authorizer(ground.client, clock, sharing=sharing, home=ground.whereabouts.home_of)
    sender = Sender(ground.client, authorizer)
    worker = _worker(ground, due, schedule, ownership, sender)
    queues = Queues(db, clock, arrived=worker.arrived, running=worker.is_running)
    replaying = Running(db, hot, vault, clock, worker.arrived, room=ground.disk.require)
    meter = Meter(db, ground.metrics, pending=lambda tx, each: ledger_rows.total(tx, each).pending)
    return Engine(
        authorizer=authorizer,
        sender=sender,
        worker=worker,
        queues=queues,
        skipping=Skipping(db, hot, queues, ownership.claimable),
        replaying=replaying,
        replays=Replays(db, hot, vault, clock, worker.arrived, replaying, room=ground.disk.require),
        payloads=Payloads(db, vault, clock),
        payload_searches=PayloadSearches(db, vault, clock),
        meter=meter,
        quotas=EnvironmentQuotas(db, clock, meter),
        intake=_intake(ground, worker, meter),
        retention=_retention(ground, ownership),
        minutes=Minutes(db, clock, mine=lambda: ownership.owns(0)),
        upkeep=Upkeep(db, vault, clock, settings),
    )


def _worker(ground: Ground, due: DueClock, schedule: Schedule, ownership: Ownership, sender: Sender) -> Worker:
    db, hot, vault, clock = ground.db, ground.hot, ground.vault, ground.clock
    targets, waits = Targets(vault), Waits(db, hot, due)
    runner = Runner(
        vault,
        clock,
        Loader(db, hot, vault, due, targets, waits, epoch=ownership.epoch),
        waits,
        Deliverer(sender, clock, ground.settings),
        Settling(db, hot, due, schedule),
        Telling(ground.metrics),
    )
    quick, slow = ground.budget(), ground.budget()
    return Worker(db, hot, due, runner, targets, ownership, quick=quick, slow=slow)


def _intake(ground: Ground, worker: Worker, meter: Meter) -> Intake:
    return Intake(
        ground.db,
        ground.hot,
        ground.vault,
        ground.clock,
        ground.metrics,
        worker.arrived,
        room=ground.disk.require,
        meter=meter,
    )


def _retention(ground: Ground, ownership: Ownership) -> Retention:
    return Retention(
        ground.db,
        ground.clock,
        ground.metrics,
        mine=lambda: ownership.owns(0),
        days=ground.settings.retention_days,
        audit_days=ground.settings.audit_retention_days,
    )
