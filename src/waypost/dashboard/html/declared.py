"""Forms drawn from declared models: the settings of a kind of destination, the fields of a credential's strategy.

A declaration has types, defaults and descriptions; from them come input, label, hint, and the body that is sent.
What is new in a declaration is therefore on its form, without a line here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from markupsafe import Markup, escape
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from waypost.credentials.model import Credential
from waypost.credentials.strategies import Strategies, keys
from waypost.credentials.strategies.strategy import Strategy
from waypost.dashboard.html.forms import Form
from waypost.destinations.kinds.kind import CloudKind, Kind

CLEAR = "clear"
"""The checkboxes of stored secrets that are to go; each has the field's name as its value."""
SETTINGS = "cloudProviderSettings/settings/"

_FIRST = frozenset({"clientId", "clientSecret", "scopes", keys.FIELD})
"""Fields that may be left out and seldom are: they stand beside the required ones."""
_OURS = " (ours)"
"""What the reference pages say of everything that is not Redox's; on a form nobody asks."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+[0-9]*")
_SPELT = {each.lower(): each for each in ("URL", "URI", "ID", "JKU", "SAS", "AWS", "STS", "X.509")} | {
    "x509": "X.509"
}
_CODE = re.compile(r"`([^`]+)`")

Widget = Literal["text", "number", "lines", "choice", "tick", "secret", "key"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One field. `stored`: there is a secret that is not shown; `is_first`: it is no further field.

    `is_text_too`: where it has one line only, it is sent as text and not as a list.
    """

    name: str
    field: str
    label: str
    hint: Markup
    look: Widget
    is_required: bool
    is_first: bool
    default: Any = None
    options: Sequence[tuple[str, str]] = ()
    value: str = ""
    stored: bool = False
    is_text_too: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether it is never shown again."""
        return self.look in {"secret", "key"}

    @property
    def placeholder(self) -> str:
        """What is meant when it is left blank."""
        return "" if self.default is None or self.look not in {"text", "number"} else str(self.default)


def of_kind(kind: Kind, settings: Mapping[str, Any], *, has_token: bool = False) -> list[Drawn]:
    """The settings of a kind, as they are now; none of them is a further one."""
    prefix = SETTINGS if isinstance(kind, CloudKind) else ""
    secrets = {"verificationToken": has_token}
    fields = kind.settings.model_fields.items()
    return [_drawn(prefix, name, info, settings, secrets) for name, info in fields]


def of_strategy(strategy: Strategy[Any], settings: Mapping[str, Any], stored: Iterable[str] = ()) -> list[Drawn]:
    """The fields of a strategy, as they are in a credential: the required ones and the secrets first."""
    there = frozenset(stored)
    secrets = {name: name in there for name in strategy.secrets}
    drawn = [
        _drawn("", name, info, settings, secrets, is_key=name in strategy.private_keys)
        for name, info in strategy.declared.items()
    ]
    return sorted(drawn, key=lambda each: not each.is_first)


def of_credential(strategies: Strategies, found: Credential) -> list[Drawn]:
    """The fields of a credential, as they are."""
    return of_strategy(strategies[found.strategy], found.settings, found.secrets)


def body(form: Form, fields: Iterable[Drawn], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values by the declarations' own names; `settings` are there now: what was blanked is sent as null."""
    cleared = form.all(CLEAR)
    found = {}
    for each in fields:
        for value in _given(form, each, is_there=each.field in settings, is_cleared=each.field in cleared):
            found[each.field] = value
    return found


def about(strategy: Strategy[Any]) -> Markup:
    """What a strategy is, in a sentence."""
    return coded((strategy.fields.__doc__ or "").strip())


def label(name: str) -> str:
    """`clientSecret` → `Client secret`, `token_url` → `Token URL`."""
    words = [_SPELT.get(word.lower(), word.lower()) for word in _WORDS.findall(name)]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def coded(text: str) -> Markup:
    """The text with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text.replace(_OURS, "")))))  # noqa: S704 - escaped before


def _given(form: Form, each: Drawn, *, is_there: bool, is_cleared: bool) -> Iterator[Any]:
    """The value that a field has in the body; nothing when it is left out of it."""
    if each.is_secret:
        if form.raw(each.name):
            yield form.raw(each.name)
        elif is_cleared:
            yield None
        return
    if each.look == "tick":
        ticked = each.name in form
        if is_there or ticked != bool(each.default):
            yield ticked
        return
    text = form.text(each.name)
    if not text:
        if is_there and each.name in form:
            yield None
    elif is_there or each.look != "choice" or text != str(each.default):
        yield _value(text, each)


def _value(text: str, each: Drawn) -> Any:
    if each.look == "lines":
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        return lines[0] if each.is_text_too and len(lines) == 1 else lines
    if each.look == "number" and text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    return text


def _drawn(
    prefix: str,
    name: str,
    info: FieldInfo,
    settings: Mapping[str, Any],
    secrets: Mapping[str, bool],
    *,
    is_key: bool = False,
) -> Drawn:
    made_here = is_key and name == keys.FIELD
    required = info.is_required() and not made_here
    look: Widget = _look(info.annotation) if name not in secrets else "key" if is_key else "secret"
    default = None if info.default is PydanticUndefined else info.default
    return Drawn(
        name=prefix + name,
        field=name,
        label=label(name),
        hint=coded(info.description or ""),
        look=look,
        is_required=required,
        is_first=required or secrets.get(name, False) or name in _FIRST,
        default=default,
        options=_options(info.annotation),
        value=_text(settings.get(name, default if look == "tick" else None)),
        stored=secrets.get(name, False),
        is_text_too=str in _leaves(info.annotation),
    )


def _look(annotation: Any) -> Widget:
    leaves = list(_leaves(annotation))
    looks: tuple[tuple[Any, Widget], ...] = ((bool, "tick"), (Literal, "choice"), (list, "lines"), (int, "number"))
    return next((look for mark, look in looks if mark in leaves), "text")


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of; `Literal` and `list` stand for what they hold."""
    origin = get_origin(annotation)
    if origin in (Literal, list):
        yield origin
    elif origin is None:
        yield annotation
    else:
        for inner in get_args(annotation):
            yield from _leaves(inner)


def _options(annotation: Any) -> list[tuple[str, str]]:
    if get_origin(annotation) is Literal:
        return [(str(value), str(value)) for value in get_args(annotation)]
    return [option for inner in get_args(annotation) for option in _options(inner)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, list):
        return "\n".join(str(each) for each in value)
    return "" if value is None else str(value)
