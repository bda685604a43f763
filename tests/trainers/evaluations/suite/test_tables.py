"""Tables filled with our figures and the published ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.figures import Collected
from maskgen.trainers.evaluations.suite.spec import Curve, Suite
from maskgen.trainers.evaluations.suite.tables import draw_plots, fill_tables


def collected(cells: list[Cell]) -> Collected:
    """later: a .5 .7, b .6 .6; first: a .125, b .25."""
    tops = {"a/later/seed-0": 0.5, "a/later/seed-1": 0.7, "b/later/seed-0": 0.6, "b/later/seed-1": 0.6}
    results: dict[str, Any] = {name: {"toy.json": {"top1": value, "lr": 0.1}} for name, value in tops.items()}
    for name, value in (("a", 0.125), ("b", 0.25)):
        results[f"{name}/first/seed-1"] = {"toy.json": {"deep": {"error": {"0.5": value, "0.25": 2 * value}}}}
    return Collected(cells, results, [])


def test_a_table_shows_means_errors_published_figures_and_the_best(suite: Suite, cells: list[Cell]) -> None:
    (table,) = fill_tables(suite, collected(cells))
    shown = [[(one.ours, one.published, one.best) for one in row.entries] for row in table.rows]
    assert shown == [
        [("60.0 ± 10.0", "70.0", True), ("0.12", "0.50 ± 0.01", True)],
        [("", "71.2", False), ("", "", False)],
        [("60.0 ± 0.0", "", True), ("0.19 ± 0.06", "", False)],
    ]
    assert table.published == [True, True]


def test_without_tables_each_task_shows_its_figures_but_no_options(suite: Suite, cells: list[Cell]) -> None:
    (table,) = fill_tables(replace(suite, tables=()), collected(cells))
    assert [column.name for column in table.table.columns] == ["top1"]
    assert [row.entries[0].ours for row in table.rows] == ["0.6000 ± 0.1000", "0.6000 ± 0.0000"]


def test_a_plot_has_a_line_for_each_checkpoint_or_its_own(suite: Suite, cells: list[Cell]) -> None:
    (drawn,) = draw_plots(suite, collected(cells))
    assert drawn.count("<polyline") == 2
    assert drawn.count("<circle") == 4
    published = Curve(name="published", y=(0.5, 0.6))
    each = Curve(name="both", checkpoints=("a", "b"))
    plots = (replace(suite.plots[0], lines=(published, each)),)
    (drawn,) = draw_plots(replace(suite, plots=plots), collected(cells))
    assert "published" in drawn
    assert "both" in drawn
    assert draw_plots(suite, Collected(cells, {}, [])) == []
