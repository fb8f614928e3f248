"""The little of SVG that our plots need: two scales, round ticks, marks as text.

Colours are CSS variables with a fallback, so that a plot in a page follows its light or dark colours and
stands by itself all the same. No script, no font and no picture from elsewhere.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

INK, QUIET, GRID, ACCENT, SOFT = (
    f"var(--{name}, {colour})"
    for name, colour in (
        ("ink", "#1b1f24"),
        ("quiet", "#6a7280"),
        ("grid", "#e3e6ea"),
        ("accent", "#0064be"),
        ("soft", "#b9d6f2"),
    )
)

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axes:
    """A rectangle of the drawing, in px, and the values at its edges."""

    left: float
    top: float
    width: float
    height: float
    x_span: Span
    y_span: Span

    def x(self, value: float) -> float:
        low, high = self.x_span
        return self.left + self.width * (value - low) / (high - low)

    def y(self, value: float) -> float:
        low, high = self.y_span
        return self.top + self.height * (high - value) / (high - low)

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def right(self) -> float:
        return self.left + self.width


def ticks(span: Span, about: int = 5) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) within a span, some `about` of them."""
    low, high = span
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def round_span(values: Iterable[float], step: float) -> Span:
    """The least span of whole steps that holds all values, one step long at least."""
    listed = list(values)
    low = math.floor(min(listed) / step) * step
    return low, max(math.ceil(max(listed) / step) * step, low + step)


def vertical_grid(axes: Axes, at: Iterable[float]) -> str:
    """Lines at values of x, each with its number below."""
    return "".join(
        line((axes.x(value), axes.top), (axes.x(value), axes.bottom), GRID)
        + words(f"{value:g}", (axes.x(value), axes.bottom + 15), "middle", QUIET)
        for value in at
    )


def horizontal_grid(axes: Axes, at: Iterable[float]) -> str:
    """Lines at values of y, each with its number on the left."""
    return "".join(
        line((axes.left, axes.y(value)), (axes.right, axes.y(value)), GRID)
        + words(f"{value:g}", (axes.left - 6, axes.y(value) + 4), "end", QUIET)
        for value in at
    )


def drawing(size: tuple[float, float], parts: Iterable[str], label: str, *, is_file: bool = False) -> str:
    """The whole `<svg>`. size: width and height. label: what it shows, for those who cannot see it.

    is_file: for a file of its own, which has to say that it is SVG, and brings white paper.
    """
    width, height = size
    says = ' xmlns="http://www.w3.org/2000/svg"' if is_file else ""
    parts = [rectangle((0, 0), size, "#ffffff"), *parts] if is_file else parts
    return (
        f'<svg{says} viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
        f' height="{height:g}" role="img" aria-label="{html.escape(label)}"'
        f' font-family="system-ui, sans-serif" font-size="12">{"".join(parts)}</svg>'
    )


def line(start: Span, end: Span, colour: str, width: float = 1) -> str:
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
        f' style="stroke:{colour}" stroke-width="{width:g}"/>'
    )


def curve(points: Sequence[Span], colour: str, width: float = 2) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = f'style="stroke:{colour};fill:none" stroke-width="{width:g}" stroke-linejoin="round"'
    return f'<polyline points="{joined}" {style}/>'


def rectangle(corner: Span, size: Span, colour: str, title: str = "") -> str:
    place = f'x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
    return f'<rect {place} style="fill:{colour}">{_title(title)}</rect>'


def dot(place: Span, colour: str, title: str = "", radius: float = 3) -> str:
    circle = f'cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{radius:g}"'
    return f'<circle {circle} style="fill:{colour}" fill-opacity="0.75">{_title(title)}</circle>'


def words(text: str, place: Span, anchor: str = "start", colour: str = INK, weight: int = 400) -> str:
    style = f'text-anchor="{anchor}" style="fill:{colour}" font-weight="{weight}"'
    return f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" {style}>{html.escape(text)}</text>'


def _title(text: str) -> str:
    return f"<title>{html.escape(text)}</title>" if text else ""
