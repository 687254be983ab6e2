"""What goes over the wire: the documented headers, and the message with its `Meta` set for this delivery."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from waypost import signatures
from waypost.delivery.model import Delivered, Failed, Outcome
from waypost.delivery.target import Target
from waypost.egress.client import Answer, Unreached
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


def headers(target: Target, message: Opened, application_name: str) -> dict[str, str]:
    """The documented headers; a credential brings `authorization`, the token fills it otherwise."""
    made = {
        "Content-Type": "application/json",
        "application-name": application_name,
        "waypost-sequence": str(message.pending.seq),
    }
    if message.pending.replay_of is not None:
        made["waypost-replay-of"] = message.pending.replay_of
    token = target.secrets.token
    if token is not None:
        made["verification-token"] = token
        if target.credential is None and target.destination.token_as_bearer:
            made["authorization"] = f"Bearer {token}"
    return made


def signature(target: Target, message: Opened, sent: bytes, now_ms: int) -> dict[str, str]:
    """The signature headers over exactly these bytes; none while the destination has no signing secret."""
    return signatures.headers(message.pending.log_id, now_ms, sent, target.secrets.signing_at(now_ms))


def merged(ours: Mapping[str, str], authorizing: Mapping[str, str]) -> dict[str, str]:
    """Both, however names are spelled: what authorizes wins, but for the signature, which is nobody else's."""
    given = {name.lower(): (name, value) for name, value in ours.items()}
    signed = given.keys() & {signatures.ID, signatures.TIMESTAMP, signatures.SIGNATURE}
    given |= {name.lower(): (name, value) for name, value in authorizing.items() if name.lower() not in signed}
    return dict(given.values())


def outcome(target: Target, answer: Answer | Unreached, now_ms: int) -> Outcome:
    """What the destination's answer means."""
    if isinstance(answer, Unreached):
        return Failed(answer.reason)
    status = answer.status
    accepted = status == 200 if target.destination.success_status == "200" else 200 <= status < 300
    if accepted:
        return Delivered(status)
    return Failed(
        f"The endpoint answered {_named(status)}.{_hint(status)}",
        status=status,
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


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _hint(status: int) -> str:
    if status in {401, 403}:
        return " Check the destination's credential or verification token."
    if 300 <= status < 400:
        return " Redirects are not followed: give the destination its final URL."
    return ""
