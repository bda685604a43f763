"""A suite's plots, filled with figures: ours with their standard errors, and the published ones beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from maskgen.drawing.bar_groups import Bars, draw_groups
from maskgen.drawing.svg import Line, plot_lines

from .figures import Collected, Figure
from .sheets import Column
from .spec import Curve, Plot, Suite
from .tables import show


@dataclass(frozen=True)
class FilledCurve:
    """A line, or the bars of one series.

    Args:
        curve: it.
        figures: one for each place; None: there is none, as of a published line.
    """

    curve: Curve
    figures: tuple[Figure | None, ...]

    def value(self, place: int) -> float | None:
        """What is drawn there, before it is scaled; published figures are scaled already."""
        if self.curve.y:
            return self.curve.y[place] if isfinite(self.curve.y[place]) else None
        figure = self.figures[place]
        return None if figure is None else figure.mean

    def error(self, place: int) -> float:
        """Its standard error; 0: there is none."""
        figure = self.figures[place] if self.figures else None
        return 0.0 if figure is None or figure.sem is None else figure.sem


@dataclass(frozen=True)
class FilledPlot:
    """A plot with its figures."""

    plot: Plot
    curves: tuple[FilledCurve, ...]

    def scaled(self, curve: FilledCurve) -> tuple[list[float | None], list[float]]:
        """What is drawn at each place, and its standard error."""
        scale = 1.0 if curve.curve.y else self.plot.scale
        places = range(len(self.plot.places))
        values = [curve.value(place) for place in places]
        return [None if one is None else one * scale for one in values], [
            curve.error(place) * scale for place in places
        ]


def fill_plots(suite: Suite, found: Collected) -> list[FilledPlot]:
    """The suite's plots; those without any figure are left out."""
    filled = [_fill(suite, plot, found) for plot in suite.plots]
    return [one for one in filled if any(value is not None for c in one.curves for value in one.scaled(c)[0])]


def _fill(suite: Suite, plot: Plot, found: Collected) -> FilledPlot:
    curves = plot.lines or tuple(Curve(name=one.name, checkpoints=(one.name,)) for one in suite.checkpoints)
    return FilledPlot(plot, tuple(FilledCurve(one, _figures(plot, one, found)) for one in curves))


def _figures(plot: Plot, curve: Curve, found: Collected) -> tuple[Figure | None, ...]:
    if curve.y:
        return ()
    return tuple(
        found.figure(names, plot.task, plot.file, plot.metric.replace("{x}", place))
        for place, names in zip(plot.places, curve.groups(len(plot.places)), strict=True)
    )


def draw(filled: FilledPlot) -> str:
    """An SVG element."""
    plot, names = filled.plot, [one.curve.name for one in filled.curves]
    bars = []
    for one in filled.curves:
        values, errors = filled.scaled(one)
        like = names.index(one.curve.beside) if one.curve.beside else None
        bars.append(Bars(one.curve.name, values, errors, like))
    if plot.kind == "bars":
        return draw_groups(plot.title, plot.x_name, plot.places, bars)
    return plot_lines(plot.title, plot.x_name, [_line(plot.x, one) for one in bars])


def _line(xs: Sequence[float], bars: Bars) -> Line:
    """The same as a line, through those points that there are."""
    there = [
        (x, value, error)
        for x, value, error in zip(xs, bars.values, bars.errors, strict=True)
        if value is not None
    ]
    return Line(bars.name, [(x, y) for x, y, _ in there], [error for *_, error in there], bars.like)


def as_rows(filled: FilledPlot) -> list[list[str]]:
    """The figures as rows of words: the places first, then each line."""
    column = Column(name="", task="", metric="", scale=filled.plot.scale)
    rows = [[filled.plot.x_name, *filled.plot.places]]
    for one in filled.curves:
        drawn = filled.scaled(one)[0]
        published = ["" if value is None else f"{value:.{column.digits}f}" for value in drawn]
        rows.append([one.curve.name, *(published if one.curve.y else [show(f, column) for f in one.figures])])
    return rows


def as_json(filled: FilledPlot) -> dict[str, Any]:
    """The figures as JSON values, not scaled but for the published ones."""
    plot = filled.plot
    lines = [
        {
            "name": one.curve.name,
            "published": bool(one.curve.y),
            "points": [
                {
                    "place": name,
                    "mean": one.value(place),
                    "sem": (figure := one.figures[place] if one.figures else None) and figure.sem,
                    "values": list(figure.values) if figure else [],
                }
                for place, name in enumerate(plot.places)
            ],
        }
        for one in filled.curves
    ]
    return {
        "title": plot.title,
        "source": plot.source,
        "x_name": plot.x_name,
        "kind": plot.kind,
        "lines": lines,
    }
