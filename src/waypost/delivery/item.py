"""The message as a destination gets it: as it came in, with its `Meta` set for this delivery."""

from dataclasses import dataclass

from waypost.delivery.target import Target
from waypost.destinations.kinds.kind import Item
from waypost.messages import model as messages
from waypost.queues.model import Pending


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


def of(target: Target, message: Opened, attempt_id: str) -> Item:
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
