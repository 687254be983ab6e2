"""What comes of a kind's word on a message: delivered, or failed, with what the answer said and asked for."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from waypost.delivery.model import Delivered, Failed, Outcome
from waypost.destinations.kinds.kind import Refused, Taken

MOST_ANSWER_BYTES_KEPT = 2048


def outcome(verdict: Taken | Refused, now_ms: int) -> Outcome:
    """What the kind's word comes to."""
    if isinstance(verdict, Taken):
        return Delivered(verdict.status)
    answer = verdict.answer
    if answer is None:
        return Failed(verdict.reason)
    return Failed(
        verdict.reason,
        status=answer.status,
        retry_after_seconds=retry_after(answer.headers, now_ms),
        answer=answer.body[:MOST_ANSWER_BYTES_KEPT],
    )


def retry_after(answer_headers: Mapping[str, str], now_ms: int) -> float | None:
    """The seconds that `Retry-After` asks for (RFC 9110 10.2.3: a number or a date); None when it does not."""
    text = answer_headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:  # an asctime date says no zone and means UTC
            when = when.replace(tzinfo=UTC)
        return max(0.0, when.timestamp() - now_ms / 1000)
    except (ValueError, TypeError, OverflowError):
        return None
