"""What a server is told on the command line."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Role(StrEnum):
    """What a server process does."""

    all = "all"
    api = "api"
    worker = "worker"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where and how the server listens."""

    host: str
    port: int
    tls_cert: Path | None
    tls_key: Path | None
    behind_proxy: bool
    lost_key: str | None = None

    @property
    def tls(self) -> bool:
        """Whether the server itself speaks TLS."""
        return self.tls_cert is not None
