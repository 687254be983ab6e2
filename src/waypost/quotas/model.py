"""What can be bounded in one environment, and the words of a refusal. Pure."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field

from waypost.errors import RateLimited
from waypost.validation import Body

MOST = 1_000_000_000
FULL_SECONDS = 5
"""How long to wait for a queue that is full: nobody knows when its receiver comes back."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most of each; None bounds nothing."""

    messages_per_second: int | None = None
    pending_logs: int | None = None
    destinations: int | None = None
    subscriptions: int | None = None

    def shown(self) -> dict[str, int | None]:
        """As the API and the audit trail have them."""
        return {name: getattr(self, field) for field, name in NAMES.items()}


NAMES = {
    "messages_per_second": "messagesPerSecond",
    "pending_logs": "pendingLogs",
    "destinations": "destinations",
    "subscriptions": "subscriptions",
}
"""Fields of Quotas, with their names outside."""
NONE = Quotas()

Most = Annotated[int, Field(ge=1, le=MOST)]


class QuotasPatch(Body):
    """What is to change; null bounds nothing any more."""

    messagesPerSecond: Most | None = Field(None, description="Messages accepted in a second, on each node.")
    pendingLogs: Most | None = Field(None, description="Logs that wait to be delivered.")
    destinations: Most | None = Field(None, description="Destinations that there are.")
    subscriptions: Most | None = Field(None, description="Subscriptions that there are.")

    def over(self, before: Quotas) -> Quotas:
        """The quotas with this change."""
        given = self.model_dump(exclude_unset=True)
        return Quotas(**asdict(before) | {field: given[name] for field, name in NAMES.items() if name in given})


class QuotaReached(RateLimited):
    """The environment has what its operator lets it take."""

    code = "quota_reached"
    title = "Quota reached"

    def __init__(self, quota: str, limit: int, retry_after_seconds: int) -> None:
        super().__init__(limit=limit, retry_after_seconds=retry_after_seconds)
        self.quota = quota
        self.detail = WORDS[quota].format(limit=limit, seconds=retry_after_seconds)


WORDS = {
    "messagesPerSecond": "This environment may send {limit} messages a second; try again in {seconds} s.",
    "pendingLogs": (
        "{limit} logs of this environment may wait for delivery, and so many do. Nothing more is taken until"
        " some are delivered; try again in {seconds} s."
    ),
}


def listed(rows: dict[str, Quotas]) -> dict[str, Any]:
    """Environments with their quotas, as commands answer them."""
    return {"environments": [{"id": each, "quotas": quotas.shown()} for each, quotas in rows.items()]}
