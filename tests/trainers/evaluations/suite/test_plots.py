"""Plots filled with our figures, with their standard errors, and the published ones."""

from __future__ import annotations

import re
from dataclasses import replace
from math import nan

from suite_kit import collected

from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.figures import Collected
from maskgen.trainers.evaluations.suite.markdown import render_markdown
from maskgen.trainers.evaluations.suite.page import render_page
from maskgen.trainers.evaluations.suite.plots import FilledPlot, as_json, as_rows, draw, fill_plots
from maskgen.trainers.evaluations.suite.spec import Curve, Plot, Suite

TOPS = Plot(
    title="All",
    source="Figure 1",
    kind="bars",
    labels=("a", "both"),
    task="later",
    metric="top1",
    lines=(
        Curve(name="ours", checkpoints=("a", ["a", "b"])),
        Curve(name="ours, published", y=(61.5, nan), beside="ours"),
    ),
)
"""later: a is .6 ± .1, b .6, both .6 ± 0."""


def fill(suite: Suite, plot: Plot, cells: list[Cell]) -> FilledPlot:
    (filled,) = fill_plots(replace(suite, plots=(plot,)), collected(cells))
    return filled


def test_a_plot_has_a_line_for_each_checkpoint_or_its_own(suite: Suite, cells: list[Cell]) -> None:
    (filled,) = fill_plots(suite, collected(cells))
    drawn = draw(filled)
    assert drawn.count("<polyline") == 2
    assert drawn.count("<circle") == 4
    published = Curve(name="published", y=(0.5, 0.6))
    each = Curve(name="both", checkpoints=("a", "b"))
    drawn = draw(fill(suite, replace(suite.plots[0], lines=(published, each)), cells))
    assert "published" in drawn
    assert "both" in drawn
    assert fill_plots(suite, Collected(cells, {}, [])) == []


def test_means_have_standard_errors_and_published_figures_stand_beside(
    suite: Suite, cells: list[Cell]
) -> None:
    filled = fill(suite, TOPS, cells)
    assert as_rows(filled) == [
        ["", "a", "both"],
        ["ours", "60.0 ± 10.0", "60.0 ± 0.0"],
        ["ours, published", "61.5", ""],
    ]
    ours, theirs = as_json(filled)["lines"]
    assert [(one["place"], one["mean"], round(one["sem"], 6)) for one in ours["points"]] == [
        ("a", 0.6, 0.1),
        ("both", 0.6, 0.0),
    ]
    assert [(one["mean"], one["sem"]) for one in theirs["points"]] == [(61.5, None), (None, None)]
    bars = draw(filled)
    assert bars.count('class="bar"') == 3
    assert bars.count('class="error"') == 1
    line = replace(TOPS, kind="lines", labels=(), x=(0.0, 1.0))
    drawn = draw(fill(suite, line, cells))
    assert drawn.count("stroke-dasharray") == 1
    assert len(re.findall(r'<line [^>]*stroke="rgb', drawn)) == 1


def test_a_report_shows_them_as_pictures_and_as_rows(suite: Suite, cells: list[Cell]) -> None:
    filled = fill(suite, TOPS, cells)
    text = render_markdown("T", [], [filled], {}, [])
    assert "| ours | 60.0 ± 10.0 | 60.0 ± 0.0 |" in text
    assert "Published figures: Figure 1." in text
    page = render_page("T", [], [filled], {}, [])
    assert "<svg" in page
    assert "Published figures: Figure 1</figcaption>" in page
