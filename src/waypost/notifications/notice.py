"""What a notice says: ids, names of destinations, our own words, numbers and times. Pure.

No message content, no secret and nothing of a receiver's answer is in one; of an endpoint only its host.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from waypost.clock import iso


class NoticeKind(StrEnum):
    """What a notice is about, by its event's name."""

    held = "queue.held"
    drained = "queue.drained"
    disk_low = "disk.low"
    key_unavailable = "key.unavailable"
    destination_moved = "destination.moved"
    tested = "notifications.tested"


@dataclass(frozen=True, slots=True)
class Raised:
    """Something to be told. While a trouble lasts, its `open_key` keeps it from being told again."""

    environment_id: str
    kind: NoticeKind
    data: Mapping[str, Any]
    open_key: str | None = None
    queue_id: str | None = None
    destination_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it is sent; its id stays the same when it is sent again."""

    id: str
    environment_id: str
    environment_name: str
    flag: str
    kind: NoticeKind
    happened_at: int
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        return sentence(self.kind, self.data)


def key_of(kind: NoticeKind, subject: str) -> str:
    """What only one lasting trouble can have: its kind and whom it is about."""
    return f"{kind.value} {subject}"


def sentence(kind: NoticeKind, data: Mapping[str, Any]) -> str:
    """One or two sentences; nothing from outside but names that an engineer gave."""
    match kind:
        case NoticeKind.held if "childQueues" in data:
            reason = data.get("reason") or "No reason is known."
            return (
                f"Child queues to {_named(data)} are held: {data['childQueues']}, the first since "
                f"{data['heldSince']}; {data['depth']} messages wait in them. {reason}"
            )
        case NoticeKind.held:
            reason = data.get("reason") or "No reason is known."
            return (
                f"The queue to {_named(data)} has been held since {data['heldSince']}; "
                f"{data['depth']} messages wait in it. {reason}"
            )
        case NoticeKind.drained if data.get("closed"):
            return f"The queue to {_named(data)} is closed; what waited in it has ended."
        case NoticeKind.drained if "childQueues" in data:
            return f"The child queues to {_named(data)}, held since {data['heldSince']}, have drained."
        case NoticeKind.drained:
            return f"The queue to {_named(data)}, held since {data['heldSince']}, has drained."
        case NoticeKind.disk_low:
            return (
                f"The disk of {data['node']} is nearly full. New messages are refused until there is room; "
                "delivery goes on."
            )
        case NoticeKind.key_unavailable:
            return f"{data['queues']} queues are held because a sealing key is missing. {data['reason']}"
        case NoticeKind.destination_moved:
            before = data.get("previousHost")
            moved = f"from {before} to {data['host']}" if before else f"to {data['host']}"
            return f"The destination {_named(data)} has moved {moved}. Messages now go to a new host."
    return "This is a test: notices of this environment arrive here."


def subject(notices: Sequence[Notice]) -> str:
    """The subject of a mail that carries these notices, of one environment."""
    where = f"{notices[0].environment_name} ({notices[0].flag})"
    if len(notices) > 1:
        return f"Waypost: {len(notices)} notices from {where}"
    data = notices[0].data
    said = {
        NoticeKind.held: "a queue is held",
        NoticeKind.drained: "a queue has drained",
        NoticeKind.disk_low: "the disk is nearly full",
        NoticeKind.key_unavailable: "a sealing key is missing",
        NoticeKind.destination_moved: "a destination has a new host",
        NoticeKind.tested: "a test",
    }[notices[0].kind]
    about = f": {data['destination']['name']}" if "destination" in data else ""
    return f"Waypost, {where}: {said}{about}"


def paragraph(notice: Notice) -> str:
    """A notice in a mail: its sentences, then what a person needs to look further."""
    lines = [notice.sentence, "", f"at: {iso(notice.happened_at)}", f"environment: {notice.environment_id}"]
    for name in ("queueId", "destination", "lastStatus"):
        value = notice.data.get(name)
        if value is not None:
            lines.append(f"{name}: {value['id'] if isinstance(value, Mapping) else value}")
    return "\n".join([*lines, f"notice: {notice.id} ({notice.kind.value})"])


def body(notice: Notice) -> bytes:
    """A notice as a webhook gets it: type, timestamp and data, as Standard Webhooks has it."""
    environment = {"id": notice.environment_id, "name": notice.environment_name, "environmentFlag": notice.flag}
    data = {"noticeId": notice.id, "environment": environment, "text": notice.sentence, **notice.data}
    return json.dumps({"type": notice.kind.value, "timestamp": iso(notice.happened_at), "data": data}).encode()


def _named(data: Mapping[str, Any]) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{data['destination']['name']}\N{RIGHT DOUBLE QUOTATION MARK}"
