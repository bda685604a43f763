"""From scores to one object, a table for people and a table per image."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from maskgen.evaluation.evaluate import Evaluation, Score
from maskgen.evaluation.measures import Measures
from maskgen.evaluation.summary import SHOWN, as_table, doubt, per_image, summarize

COUNT = len(Measures._fields)


def evaluation(curves: np.ndarray | None = None) -> Evaluation:
    """Two images: every measure .25 for the first, .75 for the second."""
    scores = tuple(
        Score(name, (2, 3), (Measures(*[value] * COUNT),), 0.0) for name, value in (("a", 0.25), ("b", 0.75))
    )
    return Evaluation(scores, (), np.zeros((1, 4, 256)) if curves is None else curves)


def test_means_count_every_image_alike_and_the_best_f_names_its_level() -> None:
    curves = np.zeros((1, 4, 256))
    curves[0, 0, 51], curves[0, 1, 51] = 0.5, 1.0  # precision and recall
    curves[0, 2, 7], curves[0, 3, 9] = 0.625, 0.875  # mean F and mean E
    facts = summarize(evaluation(curves))
    assert tuple(facts) == (*SHOWN, "max_f_threshold", "images")
    assert (facts["mae"], facts["iou"], facts["images"]) == (0.5, 0.5, 2)
    assert facts["max_f"] == pytest.approx(1.3 * 0.5 * 1 / (0.3 * 0.5 + 1))
    assert facts["max_f_threshold"] == 51 / 255
    assert (facts["max_f_per_image"], facts["max_e"]) == (0.625, 0.875)


def test_of_levels_that_tie_the_middle_one_is_named() -> None:
    curves = np.zeros((1, 4, 256))
    curves[0, :2, 1:] = 1.0  # a binary map
    assert summarize(evaluation(curves))["max_f_threshold"] == 128 / 255


@pytest.mark.parametrize(("levels", "words"), [(1, "every mask is 0"), (2, "0 and 1 instead"), (3, "")])
def test_masks_that_say_nothing_are_doubted(levels: int, words: str) -> None:
    curves = np.zeros((1, 4, 256))
    curves[0, 1, :levels] = 1.0  # recall
    found = doubt(evaluation(curves))
    assert words in found
    assert bool(found) == bool(words)


def test_the_table_per_image_has_a_row_for_each() -> None:
    table = pq.read_table(io.BytesIO(per_image(evaluation())))
    assert table.column_names == ["name", "height", "width", *Measures._fields]
    assert table.to_pylist()[1] == {"name": "b", "height": 2, "width": 3} | dict.fromkeys(
        Measures._fields, 0.75
    )


def test_the_table_for_people_has_a_line_per_run_and_aligned_columns() -> None:
    facts = dict.fromkeys((*SHOWN, "iou_threshold"), 0.5)
    head, first, second = as_table({"rbd": facts, "long-name": facts}).split("\n")
    assert head.split() == [*SHOWN, "iou_threshold"]
    assert first.split() == ["rbd", *["0.5000"] * 11]
    assert len(head) == len(first) == len(second)
