"""The ground of a node: its store, its keys, its disk, the one client for outbound calls, and its address."""

from urllib.parse import urlsplit

from waypost.clock import Clock
from waypost.db.database import Database
from waypost.disk import Disk
from waypost.egress.client import Client
from waypost.egress.policy import Policy
from waypost.metrics import Metrics
from waypost.queues import sqlite
from waypost.queues.port import Hot
from waypost.settings import Settings
from waypost.tokens import assertion
from waypost.vault import keyring
from waypost.vault.vault import Vault

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Ground:
    """What every other part stands on, and where this node is reached."""

    def __init__(self, settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> None:
        self.settings = settings
        self.clock = clock
        self.db = db
        self.hot = _hot(db)
        self.vault = Vault(db, keys, clock, reread=lambda: keyring.load(settings.key_file))
        self.disk = Disk(settings.data, settings.disk_floor_bytes)
        self.metrics = Metrics()
        self.metrics.watch_disk(self.disk.free)
        self.disk_is_low = self.disk.is_low
        self.policy = Policy(settings.allowed_networks, grantable=settings.grantable_networks)
        self.client = Client(self.policy, proxy=settings.egress_proxy)
        self._address = str(settings.base_url) if settings.base_url else None
        self._audiences: frozenset[str] = frozenset(settings.token_audiences)
        if settings.base_url:
            self._audiences |= {f"{settings.base_url}{assertion.PATH}"}
        self._is_exposed = True
        self._bodies = settings.body_memory_mb * 1_000_000 // 3

    def bound(self, host: str, port: int, *, tls: bool) -> None:
        """Hear where the server listens: no delivery goes there, and on loopback it is the token audience."""
        self.policy.protect(host, port)
        named = urlsplit(self.settings.base_url or "").hostname
        behind_proxy = bool(self.settings.trusted_proxies)
        self._is_exposed = host not in LOOPBACK or behind_proxy or (named is not None and named not in LOOPBACK)
        if self.settings.base_url is None and host in LOOPBACK:
            shown = f"[{host}]" if ":" in host else host
            self._address = f"{'https' if tls else 'http'}://{shown}:{port}"
            self._audiences |= {f"{self._address}{assertion.PATH}"}

    @property
    def address(self) -> str | None:
        """Where clients reach this server; None while nobody has said so."""
        return self._address

    def home_of(self, credential_id: str) -> str | None:
        """Where a credential's public key is shown; None while nobody has said where Waypost is."""
        return None if self._address is None else f"{self._address}/waypost/v1/credentials/{credential_id}"


def _hot(db: Database) -> Hot:
    """The hot statements of this kind of store."""
    if not db.shared:
        return sqlite
    from waypost.queues import postgresql  # with asyncpg a tenth of a start that does not need it

    return postgresql
