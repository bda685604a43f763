"""Means and standard errors, worked by hand."""

from __future__ import annotations

import math

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.figures import Collected, find_figure, summarize


def test_the_standard_error_is_that_of_the_textbook() -> None:
    """2, 4, 4, 6: mean 4, squares 4 + 0 + 0 + 4, variance 8/3, error sqrt(8/3)/2."""
    found = summarize([[2, 4, 4, 6]])
    assert found is not None
    assert found.mean == 4
    assert found.sem == pytest.approx(math.sqrt(8 / 3) / 2)


def test_seeds_of_one_training_are_no_trainings() -> None:
    """Trainings of means 1 and 3: mean 2, deviation sqrt(2), error 1."""
    found = summarize([[0, 2], [3, 3, 3], []])
    assert found is not None
    assert (found.values, found.mean) == ((1, 3), 2)
    assert found.sem == pytest.approx(1)
    alone = summarize([[5]])
    assert alone is not None
    assert (alone.mean, alone.sem) == (5, None)
    assert summarize([[], []]) is None


FILES = {"toy.json": {"top1": 0.5, "by": {"0.1": [1, 2]}, "name": "x", "ok": True}, "other.json": {"top1": 1}}


def test_a_figure_is_found_by_its_path() -> None:
    assert find_figure(FILES, "toy", "", "top1", "") == 0.5
    assert find_figure(FILES, "toy", "other.json", "top1", "") == 1
    assert find_figure(FILES, "toy", "", "by.0.1.1", "") == 2
    assert find_figure({"test-val.json": {"a": 3}}, "toy", "", "a", "") == 3


@pytest.mark.parametrize(
    ("file", "metric", "told"),
    [
        ("", "top2", "did you mean 'top1'?"),
        ("", "by", "by is no number"),
        ("", "ok", "ok is no number, but True"),
        ("", "top1.x", "nothing below 'x'"),
        ("", "by.0.1.7", "nothing below '7'"),
        ("othr.json", "top1", "did you mean 'other.json'?"),
    ],
)
def test_a_figure_that_is_not_there_is_named(file: str, metric: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        find_figure(FILES, "toy", file, metric, "a/first/seed-1")
    assert told in str(error.value)


def test_missing_cells_count_for_nothing_and_missing_figures_are_kept(cells: list[Cell]) -> None:
    found = Collected(cells, {"a/later/seed-0": FILES, "a/later/seed-1": {"toy.json": {"top1": 1.5}}}, [])
    assert getattr(found.figure(["a", "b"], "later", "", "top1"), "values", ()) == (0.5, 1.5)
    assert found.figure(["b"], "later", "", "top1") is None
    assert found.figure(["a"], "later", "", "top9") is None
    assert len(found.problems) == 2
