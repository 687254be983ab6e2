"""The types that strategy fields are declared with, and the marks that the rest is drawn from.

`Secret` makes a field sealed and masked; `Url` has it checked against the egress policy and ties the
secrets to its host. What reaches a header or a form is bounded and free of control characters.
"""

import unicodedata
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

MOST_SECONDS = 365 * 24 * 3600


class Secret:
    """Marks a field that is sealed at rest and never returned: `has<Name>` stands in its place."""


class PrivateKey:
    """Marks a secret that is a private key: `keys` says whether it is sound."""


class Url:
    """Marks a field that Waypost calls: the egress policy applies, and secrets belong to its host."""


def one_line(value: str) -> str:
    """The value; control, invisible (zero-width) and surrogate characters and line separators are faults."""
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in value):
        message = "Control and invisible characters, line breaks too, cannot be sent; remove them."
        raise PydanticCustomError("invalid_character", message)
    return value


def _pasted(value: str) -> str:
    if value != value.strip():
        message = "There is white space before or after the value, usually from pasting; remove it."
        raise PydanticCustomError("surrounding_whitespace", message)
    return one_line(value)


def _key(value: str) -> str:
    if not all("!" <= char <= "~" for char in value):
        message = "The name of a field is visible ASCII, without spaces."
        raise PydanticCustomError("invalid_character", message)
    return value


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _digits(value: Any) -> Any:
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10
    return int(value) if is_number else value


Text = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_pasted)]
"""A value that is sent as it is."""

Slug = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""A name of lower-case letters, digits and hyphens."""

Key = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_key)]
"""The name of a field in a request or an answer."""

SecretText = Annotated[
    str,
    Secret(),
    StringConstraints(min_length=1, max_length=8192),
    AfterValidator(_pasted),
    Field(json_schema_extra={"writeOnly": True}),
]
"""A secret that is sent as it is. Declare the field with `repr=False`."""

UrlText = Annotated[
    str,
    Url(),
    StringConstraints(min_length=1, max_length=2048),
    Field(json_schema_extra={"format": "uri"}),
]
"""An address that Waypost calls; the egress policy says which are right."""

YesNo = Annotated[bool, BeforeValidator(_flag)]
"""true or false; the strings "true" and "false" are taken too (the vendor's old example has them)."""

Seconds = Annotated[int, BeforeValidator(_digits), Field(ge=1, le=MOST_SECONDS)]
"""A whole number of seconds, at most a year; a string of digits is taken too."""


Mark = type[Secret] | type[Url] | type[PrivateKey]


def carries(field: FieldInfo, mark: Mark) -> bool:
    """Whether a declared field bears the mark, at whatever depth of its annotation."""
    return any(_bears(part, mark) for part in (field.annotation, *field.metadata))


def _bears(part: Any, mark: type) -> bool:
    return isinstance(part, mark) or any(_bears(inner, mark) for inner in get_args(part))
