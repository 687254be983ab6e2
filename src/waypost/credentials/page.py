"""The reference page of strategies, drawn from their declarations: `python -m waypost.credentials.page`."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from waypost.credentials.model import has
from waypost.credentials.strategies import STRATEGIES, Strategies, keys
from waypost.credentials.strategies.strategy import Strategy

_BEGIN = """\
# Credential strategies

A credential's `authStrategy` says how Waypost proves to a destination who it is, and decides which fields the
credential has. This page is made from the declarations in `src/waypost/credentials/strategies`, by
`python -m waypost.credentials.page`; a test holds it to them.

*Secret* fields are sealed and never returned: `has<Name>` stands in their place. *Address* fields are called by
Waypost: they are https outside Development, the egress policy applies, and an address on another host needs every
secret again.
"""


def page(strategies: Strategies) -> str:
    """The page in Markdown."""
    return "\n".join([_BEGIN, *(_section(strategy) for strategy in strategies.values())])


def _section(strategy: Strategy[Any]) -> str:
    rows = (_row(strategy, name, info) for name, info in strategy.declared.items())
    table = "\n".join(["| Field | Is | Left out | What it is |", "|---|---|---|---|", *rows])
    return f"## `{strategy.name}`\n\n{' '.join(_words(strategy))}\n\n{table}\n"


def _words(strategy: Strategy[Any]) -> Iterator[str]:
    yield (strategy.fields.__doc__ or "").strip()
    if strategy.ours:
        yield "Ours: Redox does not document it."
    if strategy.keyed:
        yield (
            "The public half of the key, Waypost's or yours, is at `/waypost/v1/credentials/{id}/jwks.json` for"
            " all to read. Sending `privateKey: null` replaces the key by a new one, at once."
        )


def _row(strategy: Strategy[Any], name: str, info: FieldInfo) -> str:
    marks = {"secret": strategy.secrets, "address": strategy.urls}
    kind = ", ".join(mark for mark, names in marks.items() if name in names) or "setting"
    shown = f" Shown as `{has(name)}`." if name in strategy.secrets else ""
    words = (info.description or "").replace("|", "/")
    return f"| `{name}` | {kind} | {_left_out(strategy, name, info)} | {words}{shown} |"


def _left_out(strategy: Strategy[Any], name: str, info: FieldInfo) -> str:
    if strategy.keyed and name == keys.FIELD:
        return "made by Waypost"
    if info.default is PydanticUndefined:
        return "required"
    if info.default is None:
        return "none"
    return f"`{str(info.default).lower() if isinstance(info.default, bool) else info.default}`"


if __name__ == "__main__":
    print(page(STRATEGIES), end="")
