"""Where a node is reached: by its settings, and by what the server says once it listens."""

from urllib.parse import urlsplit

from waypost.egress.policy import Policy
from waypost.settings import Settings
from waypost.tokens import assertion

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Whereabouts:
    """Where clients reach this node, and what they may call it."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._settings = settings
        self._policy = policy
        self._address = str(settings.base_url) if settings.base_url else None
        self._audiences: frozenset[str] = frozenset(settings.token_audiences)
        if settings.base_url:
            self._audiences |= {f"{settings.base_url}{assertion.PATH}"}
        self._is_exposed = True

    def bound(self, host: str, port: int, *, tls: bool) -> None:
        """Hear where the server listens: no delivery goes there, and on loopback it is the token audience."""
        self._policy.protect(host, port)
        named = urlsplit(self._settings.base_url or "").hostname
        behind_proxy = bool(self._settings.trusted_proxies)
        self._is_exposed = host not in LOOPBACK or behind_proxy or (named is not None and named not in LOOPBACK)
        if self._settings.base_url is None and host in LOOPBACK:
            shown = f"[{host}]" if ":" in host else host
            self._address = f"{'https' if tls else 'http'}://{shown}:{port}"
            self._audiences |= {f"{self._address}{assertion.PATH}"}

    def address(self) -> str | None:
        """`https://host[:port]`; None while nobody has said so."""
        return self._address

    def audiences(self) -> frozenset[str]:
        """What an assertion for this node may name as its audience."""
        return self._audiences

    def is_exposed(self) -> bool:
        """Whether others than this machine reach it; so it is taken to be until the server listens."""
        return self._is_exposed

    def home_of(self, credential_id: str) -> str | None:
        """Where a credential's public key is shown; None while nobody has said where Waypost is."""
        return None if self._address is None else f"{self._address}/waypost/v1/credentials/{credential_id}"
