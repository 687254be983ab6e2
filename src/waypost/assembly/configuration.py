"""What people configure on a node: destinations and credentials, sources and subscriptions, notifications.

Rooms do not know each other: what one must have done by another is passed in here as a function.
"""

import socket
from dataclasses import dataclass

from waypost.assembly.engine import Engine
from waypost.assembly.ground import Ground
from waypost.credentials.service import Credentials
from waypost.db.database import Tx
from waypost.destinations import store as destination_rows
from waypost.destinations.probing import Prober
from waypost.destinations.service import Destinations, Waiting
from waypost.destinations.signing import SigningSecrets
from waypost.destinations.verification import Verifier
from waypost.environments.service import EgressLists
from waypost.notifications import moves
from waypost.notifications.running import Notifier
from waypost.notifications.sending import NoticeSender
from waypost.notifications.service import Notifications
from waypost.queues import store as queue_rows
from waypost.samples.service import Samples
from waypost.sources.service import Sources
from waypost.subscriptions import store as subscription_rows
from waypost.subscriptions.model import Subscription
from waypost.subscriptions.service import Subscriptions


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is configured, over all that it changes."""

    destinations: Destinations
    signing: SigningSecrets
    verifier: Verifier
    egress_lists: EgressLists
    credentials: Credentials
    sources: Sources
    subscriptions: Subscriptions
    samples: Samples
    notifications: Notifications
    notifier: Notifier


def build_configuration(ground: Ground, engine: Engine) -> Configuration:
    """What is configured on this ground, for this engine: a change wakes whatever waits on it."""
    db, vault, clock, policy = ground.db, ground.vault, ground.clock, ground.policy
    wake = engine.worker.wake
    destinations = _destinations(ground, engine)
    sources = Sources(db, clock, subscribed=_subscribed)
    subscriptions = _subscriptions(ground)
    notice_sender = NoticeSender(ground.client, clock)
    return Configuration(
        destinations=destinations,
        signing=SigningSecrets(db, vault, clock, wake=wake),
        verifier=_verifier(ground, engine, destinations),
        egress_lists=EgressLists(db, clock, policy, touch=destination_rows.touch_all, wake=wake),
        credentials=Credentials(
            db, vault, clock, policy, wake=engine.wake_credential, in_use=destination_rows.users_of_credential
        ),
        sources=sources,
        subscriptions=subscriptions,
        samples=Samples(db, clock, sources, subscriptions, engine.intake),
        notifications=Notifications(db, vault, clock, policy, notice_sender),
        notifier=_notifier(ground, notice_sender),
    )


def _destinations(ground: Ground, engine: Engine) -> Destinations:
    return Destinations(
        ground.db,
        ground.vault,
        ground.clock,
        ground.policy,
        wake=engine.worker.wake,
        waiting=Waiting(count=_pending, end=_end),
        moved=lambda tx, before, after: moves.told(tx, before, after, ground.clock.now_ms()),
    )


def _verifier(ground: Ground, engine: Engine, destinations: Destinations) -> Verifier:
    return Verifier(
        destinations,
        ground.client,
        Prober(ground.db, ground.vault, engine.sender, ground.settings),
        application_name=ground.settings.application_name,
    )


def _subscriptions(ground: Ground) -> Subscriptions:
    return Subscriptions(
        ground.db,
        ground.vault,
        ground.clock,
        pending=queue_rows.pending,
        skip_all=queue_rows.skip_all,
        opened=_open_queue,
        closed=queue_rows.close_queue,
        counted=queue_rows.count_of,
    )


def _notifier(ground: Ground, sender: NoticeSender) -> Notifier:
    return Notifier(
        ground.db,
        ground.hot,
        ground.vault,
        ground.clock,
        sender,
        ground.metrics,
        is_low=ground.disk.is_low,
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
