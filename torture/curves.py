"""Curves over time as a picture, one below the other: SVG that can be read on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.picture import STYLE

WIDTH, HEIGHT, NAMES, PLOT, HEAD, GAP = 980, 90, 150, 720, 44, 26


@dataclass(frozen=True, slots=True)
class Curve:
    """A name, and points of minutes and values."""

    name: str
    points: Sequence[tuple[float, float]]


def curves(title: str, drawn: Sequence[Curve]) -> str:
    """The SVG. Each curve has its own scale, which begins at nothing."""
    height = HEAD + (HEIGHT + GAP) * len(drawn) + 20
    last = max((at for curve in drawn for at, _ in curve.points), default=1.0) or 1.0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text x="16" y="24" font-weight="600">{escape(title)}</text>',
    ]
    for number, curve in enumerate(drawn):
        lines += _one(curve, HEAD + (HEIGHT + GAP) * number, last)
    lines.append(
        f'<text class="faint" text-anchor="end" x="{NAMES + PLOT}" y="{height - 8}">{last:.0f} minutes</text>'
    )
    return "\n".join([*lines, "</svg>", ""])


def _one(curve: Curve, top: float, last: float) -> list[str]:
    most = max((value for _, value in curve.points), default=1.0) or 1.0
    bottom = top + HEIGHT
    path = " ".join(
        f"{NAMES + at / last * PLOT:.1f},{bottom - value / most * HEIGHT:.1f}" for at, value in curve.points
    )
    return [
        f'<text text-anchor="end" x="{NAMES - 12}" y="{bottom}">{escape(curve.name)}</text>',
        f'<text class="faint" x="{NAMES + PLOT + 10}" y="{top + 4}">{most:,.0f}</text>',
        f'<line class="grid" x1="{NAMES}" x2="{NAMES + PLOT}" y1="{bottom}" y2="{bottom}"/>',
        f'<line class="grid" x1="{NAMES}" x2="{NAMES + PLOT}" y1="{top}" y2="{top}"/>',
        f'<polyline class="none" style="fill:none" stroke-width="2" points="{path}"/>',
    ]
