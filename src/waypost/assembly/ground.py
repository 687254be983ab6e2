"""The ground of a node: its store, its keys, its disk, and the one client for outbound calls."""

from dataclasses import dataclass

from waypost.assembly.whereabouts import Whereabouts
from waypost.clock import Clock
from waypost.db.database import Database
from waypost.disk import Disk
from waypost.egress.client import Client
from waypost.egress.policy import Policy
from waypost.memory import Budget
from waypost.metrics import Metrics
from waypost.queues import sqlite
from waypost.queues.port import Hot
from waypost.settings import Settings
from waypost.vault import keyring
from waypost.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Ground:
    """What every other part stands on."""

    settings: Settings
    clock: Clock
    db: Database
    hot: Hot
    vault: Vault
    disk: Disk
    metrics: Metrics
    policy: Policy
    client: Client
    whereabouts: Whereabouts

    def budget(self) -> Budget:
        """A third of the memory for bodies: requests have one, deliveries have two."""
        return Budget(self.settings.body_memory_mb * 1_000_000 // 3)


def build_ground(settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> Ground:
    """The ground on an open store."""
    disk = Disk(settings.data, settings.disk_floor_bytes)
    metrics = Metrics()
    metrics.watch_disk(disk.free)
    policy = Policy(settings.allowed_networks, grantable=settings.grantable_networks)
    return Ground(
        settings=settings,
        clock=clock,
        db=db,
        hot=_hot(db),
        vault=Vault(db, keys, clock, reread=lambda: keyring.load(settings.key_file)),
        disk=disk,
        metrics=metrics,
        policy=policy,
        client=Client(policy, proxy=settings.egress_proxy),
        whereabouts=Whereabouts(settings, policy),
    )


def _hot(db: Database) -> Hot:
    """The hot statements of this kind of store."""
    if not db.shared:
        return sqlite
    from waypost.queues import postgresql  # with asyncpg a tenth of a start that does not need it

    return postgresql
