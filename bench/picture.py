"""Figures as a picture: a bar from the least to the greatest round, a dot at the median, a mark at the target.

SVG by hand, because it is forty lines. It paints its own ground, so that it can be read on light and dark pages,
and goes by what the reader's system prefers.
"""

import math
from collections.abc import Callable, Sequence
from html import escape

from bench.figure import Figure, Unit, short

WIDTH, NAMES, PLOT, ROW, HEAD = 980, 430, 370, 26, 52
TITLES: dict[Unit, str] = {
    "ratio": "Ratios (logarithmic)",
    "ms": "Milliseconds (logarithmic)",
    "s": "Seconds (logarithmic)",
    "MB": "Megabytes (logarithmic)",
    "/s": "Messages a second (logarithmic)",
    "messages": "Messages",
}
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 } .ground { fill: #ffffff } .faint { fill: #59636e }
  .grid { stroke: #d1d9e0 } .one { stroke: #818b98 } .none { stroke: #0969da; fill: #0969da }
  .met { stroke: #1a7f37; fill: #1a7f37 } .missed { stroke: #cf222e; fill: #cf222e } .target { stroke: #1f2328 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .ground { fill: #0d1117 } .faint { fill: #9198a1 } .grid { stroke: #3d444d }
    .one { stroke: #9198a1 } .none { stroke: #4493f8; fill: #4493f8 } .met { stroke: #3fb950; fill: #3fb950 }
    .missed { stroke: #f85149; fill: #f85149 } .target { stroke: #f0f6fc }
  }
"""
COLOURS = {None: "none", True: "met", False: "missed"}


def picture(figures: Sequence[Figure], title: str) -> str:
    """The SVG. All figures have one unit."""
    unit = figures[0].unit
    low, high = _ends(figures)
    height = HEAD + ROW * len(figures) + 34

    def x(value: float) -> float:
        inside = min(max(value, low), high)
        share = math.log10(inside / low) / math.log10(high / low)
        return round(NAMES + share * PLOT, 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text x="16" y="24" font-weight="600">{escape(title)}</text>',
        f'<text class="faint" x="{NAMES}" y="24">{TITLES[unit]}</text>',
    ]
    for tick in _ticks(low, high):
        kind = "one" if unit == "ratio" and tick == 1 else "grid"
        lines.append(f'<line class="{kind}" x1="{x(tick)}" x2="{x(tick)}" y1="{HEAD - 12}" y2="{height - 30}"/>')
        lines.append(f'<text class="faint" text-anchor="middle" x="{x(tick)}" y="{height - 14}">{tick:g}</text>')
    for number, figure in enumerate(figures):
        lines += _row(figure, HEAD + ROW * number + 8, x)
    return "\n".join([*lines, "</svg>", ""])


def _row(figure: Figure, y: float, x: Callable[[float], float]) -> list[str]:
    kind = COLOURS[figure.is_met]
    least, greatest = x(min(figure.rounds)), x(max(figure.rounds))
    words = short(figure.median) + (f"  ({figure.verdict})" if figure.target else "")
    lines = [
        f'<text text-anchor="end" x="{NAMES - 12}" y="{y + 4}">{escape(_fitting(figure.name))}</text>',
        f'<line class="{kind}" stroke-width="4" stroke-linecap="round" opacity="0.45"'
        f' x1="{least}" x2="{greatest}" y1="{y}" y2="{y}"/>',
        f'<circle class="{kind}" cx="{x(figure.median)}" cy="{y}" r="5"/>',
        f'<text x="{NAMES + PLOT + 14}" y="{y + 4}">{escape(words)}</text>',
    ]
    if figure.target:
        mark = x(figure.target.limit)
        lines.append(f'<line class="target" stroke-width="2" x1="{mark}" x2="{mark}" y1="{y - 8}" y2="{y + 8}"/>')
    return lines


def _fitting(name: str, most: int = 66) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _ends(figures: Sequence[Figure]) -> tuple[float, float]:
    """From where to where the axis goes: every value and target is on it, and nothing is at 0."""
    values = [value for figure in figures for value in figure.rounds if value > 0] or [1.0]
    values += [figure.target.limit for figure in figures if figure.target and figure.target.limit > 0]
    if figures[0].unit == "ratio":
        values.append(1.0)
    low, high = min(values) / 1.2, max(values) * 1.2
    return low, high


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between the ends: 1, 2, 5 and their tens, fewer when there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) <= 4 else (1,)
    return [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
