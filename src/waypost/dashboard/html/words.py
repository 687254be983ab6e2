"""How values are said on a page: times, spans, numbers. Pure; they are the filters of the templates."""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from waypost.clock import iso

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """A length of time in one or two units: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    rest = max(0, round(seconds))
    parts = []
    for size, unit in _STEPS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    if len(parts) > 1 and parts[0].endswith("min"):
        parts = parts[:1]
    return " ".join(parts[:2]) or "0 s"


def took(ms: int) -> str:
    """How long something took: `13 ms`, `2.5 s`, and as a span above that."""
    if ms < 1_000:
        return f"{ms} ms"
    return f"{ms / 1000:.1f} s" if ms < 60_000 else span(ms / 1000)


def ago(ms: int | None, now: int) -> Markup:
    """How long before or after now, with the exact time in UTC for pointer and machine."""
    if ms is None:
        return Markup('<span class="none">–</span>')
    return Markup('<time datetime="{0}" title="{1}" data-ago="{2}">{3}</time>').format(
        iso(ms), exact(ms), ms, relative(ms, now)
    )


def relative(ms: int, now: int) -> str:
    """`just now`, `3 min ago`, `in 20 s`."""
    seconds = (now - ms) / 1000
    if -1 < seconds < 2:
        return "just now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def at(ms: int | None) -> Markup:
    """The exact time in UTC."""
    if ms is None:
        return Markup('<span class="none">–</span>')
    return Markup('<time datetime="{0}">{1}</time>').format(iso(ms), exact(ms))


def exact(ms: int) -> str:
    """`2026-11-26 05:10:32.123 UTC`."""
    return iso(ms).replace("T", " ").replace("Z", " UTC")


def number(value: float) -> str:
    """With a narrow space between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 message`, `2 messages`; `many` where an s is not enough."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def short(identifier: str | None) -> str:
    """The beginning of an id, enough to tell it apart by eye."""
    return (identifier or "")[:8]


def size(count: int) -> str:
    """Bytes, in the unit that fits."""
    for unit in ("B", "KB", "MB"):
        if count < 1000 or unit == "MB":
            break
        count //= 1000
    return f"{number(count)} {unit}"


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago,
    "at": at,
    "number": number,
    "plural": plural,
    "short": short,
    "size": size,
    "span": span,
    "took": took,
}
