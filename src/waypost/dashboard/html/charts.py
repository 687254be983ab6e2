"""Shapes of the pictures: numbers in, coordinates out. Templates draw them as SVG, with words beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 600
HEIGHT = 120


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle; `name` is its class, `title` says it in words."""

    x: float
    y: float
    width: float
    height: float
    name: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Bars above a line and bars below it, over the same time; `top` is the value at both edges."""

    bars: tuple[Rect, ...]
    top: int


def mirror(above: tuple[str, Sequence[int]], below: tuple[str, Sequence[int]]) -> Mirror:
    """Two series of the same length, each with its name: where they differ, the picture is lopsided."""
    (upper, ups), (lower, downs) = above, below
    top = ceiling(max([*ups, *downs, 1]))
    step, half = WIDTH / max(1, len(ups)), HEIGHT / 2
    bars = []
    for place in range(len(ups)):
        x, width = round((place + 0.12) * step, 2), round(step * 0.76, 2)
        up, down = round(half * ups[place] / top, 2), round(half * downs[place] / top, 2)
        bars += [Rect(x, round(half - up, 2), width, up, upper)] if up else []
        bars += [Rect(x, half, width, down, lower)] if down else []
    return Mirror(tuple(bars), top)


@dataclass(frozen=True, slots=True)
class Slope:
    """A filled line from one edge to the other."""

    line: str
    area: str
    top: int


def slope(values: Sequence[tuple[float, int]], *, span: float) -> Slope:
    """Values over time, the newest at the right edge and `span` seconds before it the left one."""
    top = ceiling(max([1, *(value for _, value in values)]))
    newest = values[-1][0] if values else 0.0
    points = [(round(WIDTH - (newest - at) / span * WIDTH, 2), _y(value, top)) for at, value in values]
    if not points:
        return Slope("", "", top)
    line = " ".join(f"{x},{y}" for x, y in points)
    return Slope(line, f"{points[0][0]},{HEIGHT} {line} {points[-1][0]},{HEIGHT}", top)


def stacked(parts: Sequence[tuple[str, int]], total: int) -> list[Rect]:
    """One bar of parts side by side, as wide as the picture for `total`."""
    x, found = 0.0, []
    for name, value in parts:
        width = WIDTH * value / total if total else 0.0
        if value:
            found.append(Rect(round(x, 2), 0, round(width, 2), 1, name, f"{value:,} {name}"))
        x += width
    return found


def ceiling(value: int) -> int:
    """A round number at or above this one: 1, 2, 5, 10, 20, 50 …"""
    size = 1
    while True:
        for step in (1, 2, 5):
            if step * size >= value:
                return step * size
        size *= 10


def _y(value: int, top: int) -> float:
    return round(HEIGHT - _height(value, top), 2)


def _height(value: int, top: int) -> float:
    return round(HEIGHT * value / top, 2)
