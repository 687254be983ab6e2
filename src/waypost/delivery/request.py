"""What goes over the wire: the message with its `Meta` set for this delivery; and what comes of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from waypost.delivery.model import Delivered, Failed, Outcome
from waypost.delivery.target import Target
from waypost.destinations.kinds.kind import Item, Refused, Taken
from waypost.messages import model as messages
from waypost.queues.model import Pending

MOST_ANSWER_BYTES_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Opened:
    """A pending message with its body in the clear, for the length of its attempt."""

    pending: Pending
    body: bytes


def body(target: Target, message: Opened, attempt_id: str) -> bytes:
    """The message as this destination gets it: only `Meta` differs from what came in."""
    pending, destination = message.pending, target.destination
    members = {
        "Source": {"ID": pending.source_id, "Name": pending.source_name},
        "Destinations": [{"ID": destination.id, "Name": destination.name}],
        "Logs": [{"ID": pending.log_id, "AttemptID": attempt_id}],
    }
    return messages.with_meta(message.body, pending.meta_start, pending.meta_end, members)


def item(target: Target, message: Opened, attempt_id: str) -> Item:
    """The message as its destination's kind is told of it."""
    pending = message.pending
    return Item(
        body=body(target, message, attempt_id),
        log_id=pending.log_id,
        seq=pending.seq,
        accepted_at=pending.accepted_at,
        source_id=pending.source_id,
        subscription_id=pending.subscription_id,
        data_model=pending.data_model,
        event_type=pending.event_type,
        replay_of=pending.replay_of,
    )


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
