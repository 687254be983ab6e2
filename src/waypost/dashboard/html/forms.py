"""From a posted form to the JSON body that a service takes, and from its faults back to the fields.

A field's name is its JSON pointer without the first slash: `name`, `tls/caCertificate`, `searchTerms/0/value`. So
the fault at `/tls/caCertificate` stands beside that field, in the words of the API:

    body = forms.body(visit.form, forms.text("name"), forms.secret("verificationToken"))
    try:
        made = await visit.services.destinations.create(visit.caller, environment_id, body)
    except Invalid as error:
        return await _shown(visit, forms.refused(visit.form, error), status=400)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from waypost.errors import Conflict, Fault, Invalid, Stale

MOST_BYTES = 1_000_000
MOST_FIELDS = 500
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Form:
    """What was posted: every name with its values, in order."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def text(self, name: str, default: str = "") -> str:
        """The field's value without blanks around it; the last one, if it was sent more than once."""
        return self.raw(name, default).strip()

    def raw(self, name: str, default: str = "") -> str:
        """The field's value as it was typed; lines end with a line feed alone."""
        found = self.values.get(name)
        return found[-1].replace("\r\n", "\n") if found else default

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that can be chosen more than once; blank ones left out."""
        return tuple(value.strip() for value in self.values.get(name, ()) if value.strip())


def parsed(data: bytes) -> Form:
    """An `application/x-www-form-urlencoded` body. Raises Invalid."""
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, strict_parsing=False)
    except (ValueError, UnicodeDecodeError):
        raise Invalid([Fault("", "malformed_form", "This form cannot be read; load the page again.")]) from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Form(values)


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a form becomes one value of the body; `read` gives `_MISSING` for what is left out."""

    name: str
    read: Callable[[Form, str], Any]


def text(name: str) -> Field:
    """A string; a field that was left blank is sent as it is, so that the service says what is wrong."""
    return Field(name, lambda form, key: form.text(key) if key in form else _MISSING)


def optional(name: str) -> Field:
    """A string; left out when blank."""
    return Field(name, lambda form, key: form.text(key) or _MISSING)


def nullable(name: str) -> Field:
    """A string; null when blank, left out when the form has no such field."""
    return Field(name, lambda form, key: (form.text(key) or None) if key in form else _MISSING)


def secret(name: str) -> Field:
    """A secret: never filled in again, and left out when blank, which keeps what is there."""
    return Field(name, lambda form, key: form.raw(key) or _MISSING)


def lines(name: str) -> Field:
    """A list of strings, one on each line of a text area."""
    return Field(name, lambda form, key: [line.strip() for line in form.raw(key).split("\n") if line.strip()])


def numbers(name: str) -> Field:
    """A list of integers, one on each line or with commas between; what is none is sent as text, to be refused."""
    return Field(name, lambda form, key: [_number(part) for part in form.raw(key).replace(",", " ").split()])


def chosen(name: str) -> Field:
    """A list of the values that were ticked."""
    return Field(name, lambda form, key: list(form.all(key)))


def integer(name: str) -> Field:
    """An integer; left out when blank, sent as text when it is none, to be refused."""
    return Field(name, lambda form, key: _number(form.text(key)) if form.text(key) else _MISSING)


def decimal(name: str) -> Field:
    """A number; left out when blank, sent as text when it is none, to be refused."""
    return Field(name, lambda form, key: _decimal(form.text(key)) if form.text(key) else _MISSING)


def boolean(name: str) -> Field:
    """A checkbox: true when it is ticked, false when it is not."""
    return Field(name, lambda form, key: key in form)


def fixed(name: str, value: Any) -> Field:
    """A value that the page knows."""
    return Field(name, lambda form, key: value)


def body(form: Form, *fields: Field) -> dict[str, Any]:
    """The JSON body: each field under its pointer; objects on the way are made."""
    made: dict[str, Any] = {}
    for each in fields:
        value = each.read(form, each.name)
        if value is not _MISSING:
            *path, last = each.name.split("/")
            inner = made
            for part in path:
                inner = inner.setdefault(part, {})
            inner[last] = value
    return made


@dataclass(frozen=True, slots=True)
class FormState:
    """What a form shows: values by field name, and what was wrong with them. For templates."""

    values: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    headline: str = ""

    def value(self, name: str, default: str = "") -> str:
        """What stands in a field."""
        return self.values.get(name, default)

    def ticked(self, name: str, value: str = "on", *, default: bool = False) -> bool:
        """Whether a checkbox or a choice is on; `default` counts only before anything was sent."""
        if not self.values:
            return default
        return value in self.values.get(name, "").split("\n")

    def fault(self, name: str) -> str:
        """What is wrong with a field or with anything inside it; empty when nothing is."""
        own = [each for each in self.faults if each.pointer == f"/{name}"]
        inner = [each for each in self.faults if each.pointer.startswith(f"/{name}/")]
        return " ".join(each.detail for each in own + inner)


def given(form: Form, *secrets: str) -> dict[str, str]:
    """What was sent, to be shown again beside its faults; never the CSRF token nor the named secrets."""
    hidden = {"csrf", *secrets}
    return {name: "\n".join(form.values[name]) for name in form if name not in hidden}


def refused(form: Form, error: Invalid | Conflict | Stale, *secrets: str) -> FormState:
    """The form as it was sent, with what was wrong: beside its fields, or above them."""
    values = given(form, *secrets)
    match error:
        case Invalid():
            return FormState(values, error.faults)
        case Conflict():
            return FormState(values, headline=error.detail)
    words = "Somebody has changed this since you opened it. Load the page again, and look before you save."
    return FormState(values, headline=words)


def _number(text: str) -> int | str:
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 16 else text


def _decimal(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
