"""From an untrusted JSON value to a checked model, with every fault at once.

Faults name a JSON pointer and a stable code, never the value that was refused: it could be a secret.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from waypost.errors import Fault, Invalid

M = TypeVar("M", bound=BaseModel)

UNKNOWN_FIELD = ("unknown_field", "There is no such field here; leave it out.")

_CODES = {
    "extra_forbidden": UNKNOWN_FIELD,
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

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(value: str) -> str:
    """The text, when it has a visible character and neither control characters nor line ends."""
    if not value.strip():
        raise PydanticCustomError("blank", "This needs at least one visible character.")
    if _CONTROL.search(value):
        raise PydanticCustomError("invalid_character", "This is one line without control characters.")
    return value


Line = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(one_line)]
"""A name, and any other short text of a person's: one line of 1 to 255 characters, not blank."""


class Body(BaseModel):
    """A request body: strict types, and a field that is not declared is a fault.

    What checks it is built when the first one comes: to build all of them took a start a tenth of its time.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True, defer_build=True)


class Shown(BaseModel):
    """A part of an answer, which only the OpenAPI document wants to know: built with that, and not by a start."""

    model_config = ConfigDict(defer_build=True)


def absent() -> Any:
    """The default of a field that may be left out but not be null; the OpenAPI document shows no default."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


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


def checked_patch(
    model: type[M], raw: Any, current: Mapping[str, Any], *, immutable: Sequence[str], context: Any = None
) -> M:
    """The checked model of a partial update. Raises Invalid with every fault, immutable fields included."""
    found, faults = check(model, raw, context=context)
    faults += unchanged(raw, current, immutable)
    if found is None or faults:
        raise Invalid(faults)
    return found


def unchanged(raw: Any, current: Mapping[str, Any], fields: Sequence[str]) -> list[Fault]:
    """One fault for each of these fields that was sent and is not what it is now; an absent field is null."""
    return [
        Fault(pointer([name]), "immutable", "This field cannot change; leave it out, or send it as it is.")
        for name in fields
        if isinstance(raw, Mapping) and name in raw and raw[name] != current.get(name)
    ]


def pointer(parts: Sequence[str | int]) -> str:
    """An RFC 6901 pointer; the empty string is the whole body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:100] for part in parts)


def _fault(loc: Sequence[str | int], kind: str, message: str) -> Fault:
    code, detail = _CODES.get(kind, (kind, message))
    return Fault(pointer(loc), code, detail)
