"""What a subscription is, and which values its fields may take. Pure.

Source, destination and data model are the vendor's; `id`, `childQueues` and `park` are ours.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.destinations.model import Uuid
from waypost.environments.store import Flag
from waypost.validation import Body, Line

OrderBy = Literal["createdAt", "dataModel", "sourceName", "destinationName"]

_MEMBER = re.compile(r"[A-Za-z0-9_-]+")
_DATA_MODEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?")


def path_steps(path: str) -> tuple[str, ...] | None:
    """The names of the members that a path goes through; None when it is no path.

    `$.`, `[*]` and a last `.ID` may stand in it, as in JSONPath; lists on the way are gone through.
    """
    names = path.strip().removeprefix("$").removeprefix(".").replace("[*]", "").split(".")
    if len(names) > 1 and names[-1] == "ID":
        names.pop()
    return tuple(names) if all(_MEMBER.fullmatch(name) for name in names) else None


def model_key(data_model: str) -> str:
    """What two spellings of a data model have in common: they are compared without case and spaces."""
    return "".join(data_model.split()).casefold()


def _data_model(value: str) -> str:
    if not _DATA_MODEL.fullmatch(value):
        message = "A data model has letters, digits, spaces and . - _, with a letter or digit at both ends."
        raise PydanticCustomError("invalid_data_model", message)
    return value


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("duplicate", "Name each status once.")
    return values


def _path(value: str) -> str:
    if path_steps(value) is None:
        message = "A path names members from the top of the message, with dots between: Patient.Identifiers."
        raise PydanticCustomError("invalid_path", message)
    return value


DataModel = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_data_model)]
Status = Annotated[int, Field(ge=400, le=599)]


class End(Body):
    """One end of a subscription."""

    id: Uuid


class SubscriptionCreate(Body):
    """Body of Create subscription."""

    source: End
    destination: End
    dataModel: DataModel


class ChildQueues(Body):
    """Order per patient: the kind of identifier that keys a child queue, and where in the message it stands."""

    identifierType: Line = Field(description="`IDType` of the identifier, compared without case: `MR`.")
    path: Annotated[Line, AfterValidator(_path)] = Field(
        description="Where the list of identifiers stands: `Patient.Identifiers`, also written as JSONPath."
    )


class Park(Body):
    """After so many answers of these statuses a message ends parked, and the queue goes on."""

    statuses: Annotated[list[Status], Field(min_length=1), AfterValidator(_distinct)]
    after: Annotated[int, Field(ge=1, le=1_000_000)]


class SubscriptionPatch(Body):
    """Body of a change (ours): only supplied fields change."""

    childQueues: ChildQueues | None = None
    park: Park | None = None
    id: Any = Field(None, description="Cannot change; accepted when equal.")
    source: Any = Field(None, description="Cannot change; accepted when equal.")
    destination: Any = Field(None, description="Cannot change; accepted when equal.")
    dataModel: Any = Field(None, description="Cannot change; accepted when equal.")
    deletedAt: Any = Field(None, description="Cannot change; accepted when equal.")


IMMUTABLE = ("id", "source", "destination", "dataModel", "deletedAt")


class SubscriptionDelete(Body):
    """Body of a deletion (ours); it may be left out."""

    reason: Line | None = Field(None, description="Why pending messages are given up; they end skipped.")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One live subscription; both ends are in its environment.

    `generation` moves with each change of `childQueues`, `since` is the destination's last sequence number then,
    and `child_key` the sealed key that ids of child queues are made with (`queues/children.py`).
    """

    id: str
    environment_id: str
    flag: Flag
    source_id: str
    destination_id: str
    data_model: str
    child_queues: dict[str, Any] | None = None
    park: dict[str, Any] | None = None
    generation: int = 0
    since: int = 0
    child_key: bytes | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """The data model as it is compared."""
        return model_key(self.data_model)

    def shown(self) -> dict[str, Any]:
        """The documented object, and its id."""
        return {
            "id": self.id,
            "source": {"id": self.source_id, "environmentFlag": self.flag.value},
            "destination": {"id": self.destination_id, "environmentFlag": self.flag.value},
            "dataModel": self.data_model,
            "deletedAt": None,
        }

    def shown_whole(self) -> dict[str, Any]:
        """The object with what the documented one has no place for."""
        return {**self.shown(), "childQueues": self.child_queues, "park": self.park}


@dataclass(frozen=True, slots=True)
class SubscriptionQuery:
    """Which subscriptions to list, and in which order; None leaves a thing open.

    `organizations` are those that a source, a destination or a connection must be of.
    """

    source_id: str | None = None
    destination_id: str | None = None
    organizations: frozenset[int] = frozenset()
    data_model: str | None = None
    term: str | None = None
    order_by: OrderBy = "createdAt"
    ascending: bool = True
