"""What people configure on a node: destinations and credentials, sources and subscriptions, notifications.

Rooms do not know each other: what one must have done by another is passed in here as a function.
"""

import socket

from waypost.assembly.delivery import MessagePath
from waypost.clock import Clock
from waypost.credentials.service import Credentials
from waypost.db.database import Database, Tx
from waypost.destinations import store as destination_rows
from waypost.destinations.probing import Prober
from waypost.destinations.service import Destinations, Waiting
from waypost.destinations.signing import SigningSecrets
from waypost.destinations.verification import Verification
from waypost.environments.service import EgressLists
from waypost.notifications import moves
from waypost.notifications.running import Notifier
from waypost.notifications.sending import NoticeSender
from waypost.notifications.service import Notifications
from waypost.queues import store as queue_rows
from waypost.samples.service import Samples
from waypost.settings import Settings
from waypost.sources.service import Sources
from waypost.subscriptions import store as subscription_rows
from waypost.subscriptions.model import Subscription
from waypost.subscriptions.service import Subscriptions
from waypost.vault import keyring


class Configuration(MessagePath):
    """What is configured, over all that it changes."""

    def __init__(self, settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> None:
        super().__init__(settings, clock, db, keys)
        self._build_destinations()
        self._build_sources()
        self._build_notifications()

    def _build_destinations(self) -> None:
        self.destinations = Destinations(
            self.db,
            self.vault,
            self.clock,
            self.policy,
            wake=self.worker.wake,
            waiting=Waiting(count=_pending, end=_end),
            moved=lambda tx, before, after: moves.told(tx, before, after, self.clock.now_ms()),
        )
        self.signing = SigningSecrets(self.db, self.vault, self.clock, wake=self.worker.wake)
        self.verification = Verification(
            self.destinations,
            self.client,
            Prober(self.db, self.vault, self.sender, self.settings),
            application_name=self.settings.application_name,
        )
        self.egress_lists = EgressLists(
            self.db, self.clock, self.policy, touch=destination_rows.touch_all, wake=self.worker.wake
        )
        self.credentials = Credentials(
            self.db,
            self.vault,
            self.clock,
            self.policy,
            wake=self.wake_credential,
            in_use=destination_rows.users_of_credential,
        )

    def _build_sources(self) -> None:
        self.sources = Sources(self.db, self.clock, subscribed=_subscribed)
        self.subscriptions = Subscriptions(
            self.db,
            self.vault,
            self.clock,
            pending=queue_rows.pending,
            skip_all=queue_rows.skip_all,
            opened=_open_queue,
            closed=queue_rows.close_queue,
            counted=queue_rows.count_of,
        )
        self.samples = Samples(self.db, self.clock, self.sources, self.subscriptions, self.intake)

    def _build_notifications(self) -> None:
        sender = NoticeSender(self.client, self.clock)
        self.notifications = Notifications(self.db, self.vault, self.clock, self.policy, sender)
        self.notifier = Notifier(
            self.db,
            self.hot,
            self.vault,
            self.clock,
            sender,
            self.metrics,
            is_low=lambda: self.disk_is_low(),
            node=socket.gethostname(),
        )


def _subscribed(tx: Tx, source_id: str) -> list[str]:
    return [found.id for found in subscription_rows.of_source(tx, source_id)]


def _open_queue(tx: Tx, subscription: Subscription) -> None:
    queue_rows.open_queue(
        tx,
        environment_id=subscription.environment_id,
        subscription_id=subscription.id,
        destination_id=subscription.destination_id,
    )


def _pending(tx: Tx, destination_id: str) -> int:
    return sum(queue_rows.pending(tx, found.id) for found in subscription_rows.of_destination(tx, destination_id))


def _end(tx: Tx, destination_id: str, now_ms: int, reason: str) -> int:
    """End a destination's subscriptions with what is pending in them; how many logs were skipped."""
    skipped = 0
    for found in subscription_rows.of_destination(tx, destination_id):
        skipped += queue_rows.skip_all(tx, found.id, now_ms, reason)
        queue_rows.close_queue(tx, found.id, now_ms)
        subscription_rows.delete(tx, found.id, now_ms)
    return skipped
