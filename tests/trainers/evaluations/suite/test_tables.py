"""Tables filled with our figures and the published ones."""

from __future__ import annotations

from dataclasses import replace

from suite_kit import collected

from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.spec import Suite
from maskgen.trainers.evaluations.suite.tables import fill_tables


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
