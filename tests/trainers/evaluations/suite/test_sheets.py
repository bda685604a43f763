"""What tables and plots of suites and experiments have in common is checked alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.suite.sheets import (
    AnyPlot,
    AnyRow,
    AnyTable,
    Column,
    check_axis,
    check_count,
    check_sheet,
)

TABLE = AnyTable(title="t", columns=(Column(name="c", task="probe", metric="top1"),))
PLOT = AnyPlot(title="p", x=(0.5, 2.0), task="probe", metric="top1")


def test_a_row_has_at_most_a_figure_for_each_column() -> None:
    check_sheet(TABLE, [AnyRow(name="r", published=(1.0,))], ["probe"], "here")
    with pytest.raises(UsageError, match="'r' has 2 published figures, the table 1 columns"):
        check_sheet(TABLE, [AnyRow(name="r", published=(1.0, ""))], ["probe"], "here")
    with pytest.raises(UsageError, match="there is no task 'probe'"):
        check_sheet(TABLE, [], ["other"], "here")
    with pytest.raises(UsageError, match="no column"):
        check_sheet(replace(TABLE, columns=()), [], ["probe"], "here")


def test_a_plot_says_its_places_once() -> None:
    assert PLOT.places == ("0.5", "2")
    check_axis(PLOT, ["probe"], "here")
    check_axis(replace(PLOT, kind="bars", x=(), labels=("a",)), ["probe"], "here")
    for bad in (
        replace(PLOT, x=()),
        replace(PLOT, x=(), labels=("a",)),
        replace(PLOT, kind="bars", labels=("a", "b")),
    ):
        with pytest.raises(UsageError, match="does not say its places"):
            check_axis(bad, ["probe"], "here")


def test_a_line_has_something_for_each_place() -> None:
    check_count(PLOT, "l", 2, "here")
    check_count(PLOT, "l", 1, "here", one=True)
    for count, one in ((1, False), (3, True), (0, True)):
        with pytest.raises(UsageError, match=f"'l' has {count} places, the plot 2"):
            check_count(PLOT, "l", count, "here", one=one)
