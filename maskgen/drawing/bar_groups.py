"""Bars in groups as SVG, with error bars: a group for each place, a bar in it for each series."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from .svg import HEIGHT, WIDTH, color_of, rule, text

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 150, 26, 36
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Bars:
    """The bars of one series.

    Args:
        name: beside the plot.
        values: one for each group; None: there is none.
        errors: how far a line reaches up and down from each; 0: there is none.
        like: the number of the series whose color it has, hollow, as published figures beside ours; None: a
            color of its own.
    """

    name: str
    values: Sequence[float | None]
    errors: Sequence[float] = ()
    like: int | None = None


def draw_groups(title: str, x_name: str, places: Sequence[str], series: Sequence[Bars]) -> str:
    """An SVG element of `WIDTH` by `HEIGHT` px; bars begin at 0.

    Args:
        title: above the plot.
        x_name: under the axis.
        places: names of the groups.
        series: at least one, with a value for each group.

    Example:
        >>> from maskgen.drawing.bar_groups import Bars, draw_groups
        >>> ours = Bars("ours", [1.0, 2.0], [0.1, 0.0])
        >>> draw_groups("accuracy", "", ["a", "b"], [ours, Bars("paper", [1.5, None], like=0)]).count("<rect")
        5
    """
    ends = [0.0] + [end for one in series for end in _ends(one)]
    axis = _Axis(min(ends), max(ends) if max(ends) > min(ends) else min(ends) + 1)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg {size} role="img" aria-label="{html.escape(title)}">',
        text(_LEFT, 16, title, weight="bold"),
    ]
    for number in range(_TICKS):
        value = axis.low + number / (_TICKS - 1) * (axis.high - axis.low)
        parts.append(rule(_LEFT, axis.y(value), WIDTH - _RIGHT, axis.y(value)))
        parts.append(text(_LEFT - 5, axis.y(value) + 4, f"{value:.3g}", anchor="end"))
    parts.append(text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 6, x_name, anchor="middle"))
    wide = (WIDTH - _LEFT - _RIGHT) / max(len(places), 1)
    for place, name in enumerate(places):
        parts.append(text(_LEFT + (place + 0.5) * wide, HEIGHT - _BOTTOM + 14, name, anchor="middle"))
        for number, one in enumerate(series):
            left = _LEFT + (place + 0.1) * wide + number * 0.8 * wide / len(series)
            parts += _bar(axis, one, place, (left, 0.8 * wide / len(series)), _paint(number, one))
    for number, one in enumerate(series):
        x, y = WIDTH - _RIGHT + 12, _TOP + 16 * number
        parts.append(f'<rect x="{x}" y="{y}" width="9" height="9" {_paint(number, one)}/>')
        parts.append(text(x + 14, y + 8.5, one.name))
    return "\n".join([*parts, "</svg>"])


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _ends(one: Bars) -> list[float]:
    errors = one.errors or [0.0] * len(one.values)
    both = [(value, error) for value, error in zip(one.values, errors, strict=True) if value is not None]
    return [value + sign * error for value, error in both for sign in (-1, 1)]


def _paint(number: int, one: Bars) -> str:
    color = color_of(number if one.like is None else one.like)
    return f'fill="{color}"' if one.like is None else f'fill="none" stroke="{color}" stroke-width="1.5"'


def _bar(axis: _Axis, one: Bars, place: int, span: tuple[float, float], paint: str) -> list[str]:
    """One bar, `span` its left side and its width in px; nothing where there is no value."""
    value = one.values[place]
    if value is None:
        return []
    (left, wide), high, foot = span, axis.y(max(value, 0.0)), axis.y(min(value, 0.0))
    told = f"<title>{html.escape(one.name)}: {value:.4g}</title>"
    bar = (
        f'<rect class="bar" x="{left:.1f}" y="{high:.1f}" width="{wide * 0.9:.1f}" '
        f'height="{max(foot - high, 0.5):.1f}" {paint}>{told}</rect>'
    )
    error = one.errors[place] if one.errors else 0.0
    if not error:
        return [bar]
    x, low, far = left + wide * 0.45, axis.y(value - error), axis.y(value + error)
    path = f"M{x - 3:.1f} {low:.1f}h6M{x - 3:.1f} {far:.1f}h6M{x:.1f} {low:.1f}V{far:.1f}"
    return [bar, f'<path class="error" d="{path}" stroke="currentColor" fill="none"/>']
