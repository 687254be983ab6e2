"""What is asked of an application, and its answer: without a socket (`inside.py`) or over one (`outside.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol


@dataclass(frozen=True)
class Got:
    """An answer, with how long it took."""

    status: int
    headers: dict[str, list[str]]
    body: bytes
    seconds: float

    @property
    def phrase(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


class Ask(Protocol):
    """Make a request: method, target, headers by their names, body."""

    def __call__(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Got:
        """The answer."""
        ...
