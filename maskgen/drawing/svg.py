"""Line plots as SVG: small, sharp, and readable without any library."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .grid import COLORS

WIDTH, HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 110, 26, 36
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One curve.

    Args:
        name: written at its end.
        points: (x, y) pairs; those whose y is no number are left out.
        spread: half the height of a bar at each point, in units of y, such as its standard error; 0 or no
            number: none. Empty, or one for each point.
        like: the number of the line whose color it has, dashed, as published figures beside ours; None: a
            color of its own.
    """

    name: str
    points: Sequence[tuple[float, float]]
    spread: Sequence[float] = ()
    like: int | None = None


def plot_lines(title: str, x_name: str, lines: Sequence[Line], marks: Sequence[float] = ()) -> str:
    """An SVG element of `WIDTH` by `HEIGHT` px with axes, a grid, and each line in its color.

    Args:
        title: above the plot.
        x_name: under the x axis.
        lines: at least one point among them.
        marks: x values with a dashed vertical line, as where a round begins.

    Example:
        >>> from maskgen.drawing.svg import plot_lines
        >>> from maskgen.drawing.svg import Line
        >>> plot_lines("loss", "epoch", [Line("train", [(0, 2.0), (1, 1.5)])])[:35]
        '<svg viewBox="0 0 560 260" width="5'
    """
    drawn = [_finite(line) for line in lines]
    ends = [(x, y + sign * far) for line in drawn for (x, y), far in _spreads(line) for sign in (-1, 1)]
    xs, ys = _span([x for x, _ in ends]), _span([y for _, y in ends])
    place = _Place(xs, ys)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg {size} role="img" aria-label="{html.escape(title)}">',
        text(_LEFT, 16, title, weight="bold"),
    ]
    parts += _grid(place, x_name)
    parts += [rule(place.x(mark), _TOP, place.x(mark), HEIGHT - _BOTTOM, "4 3") for mark in marks]
    heights = _keep_apart([place.y(line.points[-1][1]) if line.points else math.inf for line in drawn])
    for number, (line, height) in enumerate(zip(drawn, heights, strict=True)):
        if line.points:
            parts += _curve(place, line, color_of(number if line.like is None else line.like), height)
    return "\n".join([*parts, "</svg>"])


def standalone(drawn: str) -> str:
    """An SVG element as a file of its own: dark on white, whatever the page around it is.

    Example:
        >>> from maskgen.drawing.svg import Line, plot_lines, standalone
        >>> standalone(plot_lines("loss", "epoch", [Line("train", [(0, 2.0)])]))[:39]
        '<svg xmlns="http://www.w3.org/2000/svg"'
    """
    style = 'xmlns="http://www.w3.org/2000/svg" style="background:#fff;color:#282828"'
    return drawn.replace("<svg", f"<svg {style}", 1) + "\n"


def _finite(line: Line) -> Line:
    """The line without the points whose y is no number."""
    kept = [(point, far) for point, far in _spreads(line) if math.isfinite(point[1])]
    return replace(line, points=[point for point, _ in kept], spread=[far for _, far in kept])


def _spreads(line: Line) -> list[tuple[tuple[float, float], float]]:
    """Each point with half the height of its bar."""
    far = line.spread or [0.0] * len(line.points)
    return [(point, one if math.isfinite(one) else 0.0) for point, one in zip(line.points, far, strict=True)]


@dataclass(frozen=True, slots=True)
class _Place:
    xs: tuple[float, float]
    ys: tuple[float, float]

    def x(self, value: float) -> float:
        share = (value - self.xs[0]) / (self.xs[1] - self.xs[0])
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.ys[0]) / (self.ys[1] - self.ys[0])
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest value, widened where they are equal."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def color_of(number: int) -> str:
    """The color of a line or of a series of bars, by its number."""
    return "rgb({},{},{})".format(*COLORS[number % len(COLORS)])


def _grid(place: _Place, x_name: str) -> list[str]:
    parts = [text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 6, x_name, anchor="middle")]
    for number in range(_TICKS):
        share = number / (_TICKS - 1)
        y = place.ys[0] + share * (place.ys[1] - place.ys[0])
        x = place.xs[0] + share * (place.xs[1] - place.xs[0])
        parts.append(rule(_LEFT, place.y(y), WIDTH - _RIGHT, place.y(y)))
        parts.append(text(_LEFT - 5, place.y(y) + 4, f"{y:.3g}", anchor="end"))
        parts.append(text(place.x(x), HEIGHT - _BOTTOM + 14, f"{x:.3g}", anchor="middle"))
    return parts


def _curve(place: _Place, line: Line, color: str, name_y: float) -> list[str]:
    path = " ".join(f"{place.x(x):.1f},{place.y(y):.1f}" for x, y in line.points)
    end = place.x(line.points[-1][0])
    dots = [
        f'<circle cx="{place.x(x):.1f}" cy="{place.y(y):.1f}" r="2.2" fill="{color}"/>'
        for x, y in line.points
        if len(line.points) <= 60
    ]
    dashes = ' stroke-dasharray="5 3"' if line.like is not None else ""
    stroke = f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"{dashes}/>'
    bars = [
        f'<line x1="{place.x(x):.1f}" x2="{place.x(x):.1f}" y1="{place.y(y - far):.1f}" '
        f'y2="{place.y(y + far):.1f}" stroke="{color}"/>'
        for (x, y), far in _spreads(line)
        if far
    ]
    return [stroke, *bars, *dots, text(end + 7, name_y + 4, line.name, color=color)]


def _keep_apart(heights: Sequence[float], least: float = 13.0) -> list[float]:
    """Heights of the names, moved down where two would overlap."""
    moved = list(heights)
    order = sorted(range(len(moved)), key=lambda number: moved[number])
    for above, below in itertools.pairwise(order):
        moved[below] = max(moved[below], moved[above] + least)
    return moved


def rule(x0: float, y0: float, x1: float, y1: float, dashes: str = "") -> str:
    """A gray line, in px."""
    style = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" '
        f'stroke="{"#888" if dashes else "#8885"}"{style}/>'
    )


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    color: str = "currentColor",
) -> str:
    """Words at a place, in px."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="sans-serif" font-size="11" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="{color}">{html.escape(words)}</text>'
    )
