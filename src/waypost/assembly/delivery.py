"""The message path of a node: intake, queues, the worker, replays, and what tidies up behind them."""

from waypost.assembly.people import People
from waypost.clock import Clock
from waypost.credentials.authorization import Authorizer
from waypost.credentials.sending import Sender
from waypost.credentials.sharing import Alone, Shared
from waypost.db.database import Database
from waypost.delivery.attempt import Deliverer
from waypost.delivery.due import DueClock
from waypost.delivery.model import Schedule
from waypost.delivery.ownership import Ownership
from waypost.delivery.runner import Runner
from waypost.delivery.worker import Worker
from waypost.ledger import store as ledger_rows
from waypost.ledger.minutes import Minutes
from waypost.memory import Budget
from waypost.messages.service import Intake
from waypost.payloads.search import PayloadSearches
from waypost.payloads.service import Payloads
from waypost.queues.service import Queues
from waypost.queues.skipping import Skipping
from waypost.quotas.meter import Meter
from waypost.quotas.service import EnvironmentQuotas
from waypost.replays.running import Running
from waypost.replays.service import Replays
from waypost.settings import Settings
from waypost.upkeep.retention import Retention
from waypost.upkeep.service import Upkeep
from waypost.vault import keyring


class MessagePath(People):
    """Everything that a message meets."""

    def __init__(self, settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> None:
        super().__init__(settings, clock, db, keys)
        ownership = self._build_worker()
        self._build_queues(ownership)
        self._build_intake()
        self._build_upkeep(ownership)

    def wake_credential(self, credential_id: str) -> None:
        """Drop a changed credential's tokens, and try the held queues of every destination that uses it."""
        self.authorizer.forget(credential_id)
        self.worker.wake_credential(credential_id)

    def _build_worker(self) -> Ownership:
        sharing = Shared(self.db, self.vault) if self.db.shared else Alone()
        self.authorizer = Authorizer(self.client, self.clock, sharing=sharing, home=self.home_of)
        self.sender = Sender(self.client, self.authorizer)
        deliverer = Deliverer(self.sender, self.clock, self.settings)
        due, schedule = DueClock(self.clock), Schedule(self.settings.retry_schedule)
        ownership = Ownership(self.db, self.hot, due, longest_seconds=schedule.longest)
        runner = Runner(
            self.db,
            self.hot,
            self.vault,
            self.clock,
            due,
            deliverer,
            self.metrics,
            epoch=ownership.epoch,
            schedule=schedule,
        )
        self.worker = Worker(
            self.db, self.hot, due, runner, ownership, quick=Budget(self._bodies), slow=Budget(self._bodies)
        )
        return ownership

    def _build_queues(self, ownership: Ownership) -> None:
        self.queues = Queues(self.db, self.clock, arrived=self.worker.arrived, running=self.worker.is_running)
        self.skipping = Skipping(self.db, self.hot, self.queues, ownership.claimable)
        self.replaying = Running(
            self.db, self.hot, self.vault, self.clock, self.worker.arrived, room=self.disk.require
        )
        self.replays = Replays(
            self.db,
            self.hot,
            self.vault,
            self.clock,
            self.worker.arrived,
            self.replaying,
            room=self.disk.require,
        )

    def _build_intake(self) -> None:
        self.payloads = Payloads(self.db, self.vault, self.clock)
        self.payload_searches = PayloadSearches(self.db, self.vault, self.clock)
        self.meter = Meter(self.db, self.metrics, pending=lambda tx, each: ledger_rows.total(tx, each).pending)
        self.quotas = EnvironmentQuotas(self.db, self.clock, self.meter)
        self.intake = Intake(
            self.db,
            self.hot,
            self.vault,
            self.clock,
            self.metrics,
            self.worker.arrived,
            room=self.disk.require,
            meter=self.meter,
        )

    def _build_upkeep(self, ownership: Ownership) -> None:
        self.retention = Retention(
            self.db,
            self.clock,
            self.metrics,
            mine=lambda: ownership.owns(0),
            days=self.settings.retention_days,
            audit_days=self.settings.audit_retention_days,
        )
        self.minutes = Minutes(self.db, self.clock, mine=lambda: ownership.owns(0))
        self.upkeep = Upkeep(self.db, self.vault, self.clock, self.settings)
