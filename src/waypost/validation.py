"""From an untrusted JSON value to a checked model, with every fault at once.

Faults name a JSON pointer and a stable code, never the value that was refused: it could be a secret.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from waypost.errors import Fault, Invalid

M = TypeVar("M", bound=BaseModel)

_CODES = {
    "extra_forbidden": ("unknown_field", "There is no such field here; leave it out."),
    "missing": ("required", "This field is required."),
    "string_type": ("wrong_type", "This must be a string."),
    "bool_type": ("wrong_type", "This must be true or false."),
    "dict_type": ("wrong_type", "This must be an object."),
    "model_type": ("wrong_type", "This must be an object."),
    "model_attributes_type": ("wrong_type", "This must be an object."),
    "list_type": ("wrong_type", "This must be an array."),
    "int_type": ("wrong_type", "This must be an integer."),
    "float_type": ("wrong_type", "This must be a number."),
}


class Body(BaseModel):
    """A request body: strict types, and a field that is not declared is a fault."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


def check(model: type[M], raw: Any, *, context: Any = None) -> tuple[M | None, list[Fault]]:
    """The checked model, or None and what is wrong with it; for callers that have faults of their own to add."""
    try:
        return model.model_validate(raw, context=context), []
    except ValidationError as error:
        return None, faults_of(error)


def checked(model: type[M], raw: Any, *, context: Any = None) -> M:
    """The checked model. Raises Invalid with every fault."""
    found, faults = check(model, raw, context=context)
    if found is None:
        raise Invalid(faults)
    return found


def faults_of(error: ValidationError, *, skip: int = 0) -> list[Fault]:
    """Pydantic's errors as faults; `skip` leaves out so many leading parts of the location."""
    return [
        _fault(fault["loc"][skip:], fault["type"], fault["msg"])
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    ]


def pointer(parts: Sequence[str | int]) -> str:
    """An RFC 6901 pointer; the empty string is the whole body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:100] for part in parts)


def _fault(loc: Sequence[str | int], kind: str, message: str) -> Fault:
    code, detail = _CODES.get(kind, (kind, message))
    return Fault(pointer(loc), code, detail)
