from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sod_cases import LEVELS, SCALARS, groups, noise

from maskgen.evaluation.evaluate import Evaluation, Score
from maskgen.evaluation.measures import level_values, measure
from maskgen.evaluation.summary import summarize

REFERENCE = json.loads(Path(__file__).with_name("sod_reference.json").read_text())


def picture(rows: list[list[int]]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)


def truth(rows: list[list[int]]) -> NDArray[np.bool_]:
    return np.array(rows, bool)


def test_a_map_worked_by_hand() -> None:
    # Levels 255, 102, 51, 0 are 1, 2/5, 1/5, 0; the truth is the first and the third of eight pixels.
    levels = picture([[255, 102, 51, 0], [0, 0, 0, 0]])
    found = measure(levels, truth([[1, 0, 1, 0], [0, 0, 0, 0]]), 51)
    assert found.measures.mae == pytest.approx((0 + 2 / 5 + 4 / 5) / 8)
    # At 51: three chosen, two of them right, none missed. At 102: two chosen, one right.
    assert found.curves.precision[[0, 51, 102, 103]] == pytest.approx([2 / 8, 2 / 3, 1 / 2, 1])
    assert found.curves.recall[[0, 51, 102, 103]] == pytest.approx([1, 1, 1 / 2, 1 / 2])
    assert found.curves.f[51] == pytest.approx(1.3 * (2 / 3) / (0.3 * (2 / 3) + 1))
    assert found.curves.f[255] == pytest.approx(1.3 * 0.5 / (0.3 + 0.5))
    assert found.measures.iou == pytest.approx(2 / 3)
    # Twice the mean is 2 * 1.6 / 8 = 2/5: the second pixel lies on the threshold and is chosen.
    assert found.measures.adaptive_f == pytest.approx(1.3 * 0.25 / (0.3 * 0.5 + 0.5))


def test_the_measures_of_a_quarter_worked_by_hand() -> None:
    # Two pixels, the first is foreground. Centroid (0, 0): quarters of one pixel each, S_region by hand.
    found = measure(picture([[255, 0]]), truth([[1, 0]]))
    # Object: 2 * 1 / (1 + 1 + 0) = 1 on both sides; quarters without variance count 1.
    assert found.measures.s_measure == pytest.approx(1)
    # E of the right cut is n / (n - 1) = 2, and of the cut at 0 (all chosen): alignment 0 everywhere, 1/4 *
    # 2.
    assert found.curves.e[[0, 1, 255]] == pytest.approx([0.5, 2, 2])
    assert found.measures.weighted_f == pytest.approx(1)


def test_a_perfect_map() -> None:
    right = noise(3, (31, 22)) > 128
    found = measure(np.where(right, 255, 0).astype(np.uint8), right).measures
    assert found.mae == 0
    assert (found.adaptive_f, found.weighted_f, found.s_measure, found.iou) == pytest.approx((1, 1, 1, 1))
    assert found.adaptive_e == pytest.approx(31 * 22 / (31 * 22 - 1))


def test_a_black_map() -> None:
    right = truth([[1, 0], [0, 0]])
    found = measure(np.zeros((2, 2), np.uint8), right, normalize=True)
    assert found.measures.mae == 0.25
    # Twice a mean of 0 is 0: everything is chosen.
    assert found.measures.adaptive_f == pytest.approx(1.3 * 0.25 / (0.3 * 0.25 + 1))
    assert found.measures.iou == found.curves.f[1] == 0


def test_a_truth_of_everything() -> None:
    found = measure(picture([[255, 102], [0, 51]]), np.ones((2, 2), bool)).measures
    assert found.s_measure == pytest.approx(1.6 / 4)
    assert found.mae == pytest.approx(1 - 1.6 / 4)
    # Twice the mean is 4/5: one of four is chosen; E counts the chosen, over n - 1.
    assert found.adaptive_e == pytest.approx(1 / 3)
    assert found.adaptive_f == pytest.approx(1.3 * 0.25 / (0.3 + 0.25))


def test_a_truth_of_nothing() -> None:
    found = measure(picture([[255, 102], [0, 51]]), np.zeros((2, 2), bool)).measures
    assert found.mae == pytest.approx(1.6 / 4)
    assert found.s_measure == pytest.approx(1 - 1.6 / 4)
    assert found.adaptive_e == pytest.approx(3 / 3)
    assert (found.adaptive_f, found.weighted_f, found.iou) == (0, 0, 0)


def test_one_pixel_is_measured() -> None:
    found = measure(picture([[255]]), truth([[1]]))
    assert np.isfinite([*found.measures, *np.concatenate(found.curves)]).all()


@pytest.mark.parametrize("shape", [(3, 5), (2, 4), (0, 4)])
def test_other_shapes_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a map of"):
        measure(np.zeros(shape, np.uint8), np.zeros((0, 4) if shape[0] == 0 else (2, 5), bool))


def test_normalizing_stretches_and_the_default_does_not() -> None:
    levels = picture([[51, 102], [153, 51]])
    assert level_values(levels, normalize=False)[[51, 153]] == pytest.approx([0.2, 0.6])
    assert level_values(levels, normalize=True)[[51, 102, 153]] == pytest.approx([0, 0.5, 1])
    right = truth([[0, 0], [1, 0]])
    assert measure(levels, right).measures.mae == pytest.approx((0.2 + 0.4 + 0.4 + 0.2) / 4)
    assert measure(levels, right, normalize=True).measures.mae == pytest.approx(0.5 / 4)
    assert measure(levels, right, 200).measures.iou == 0
    assert measure(levels, right, 200, normalize=True).measures.iou == 1


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_counting_pixel_by_pixel_gives_the_same(seed: int, height: int, width: int, coarse: bool) -> None:
    levels = noise(seed, (height, width)) // (64 if coarse else 1) * (64 if coarse else 1)
    right = noise(seed + 1, (height, width)) > 90
    found = measure(levels, right, 77)
    for level in (0, 1, 64, 128, 255):
        chosen = levels >= level
        both, either = int((chosen & right).sum()), int((chosen | right).sum())
        f = 1.3 * both / (0.3 * right.sum() + chosen.sum()) if both else 0.0
        assert found.curves.f[level] == pytest.approx(f)
        if level:
            iou = both / either if both else 0.0
            assert measure(levels, right, level).measures.iou == pytest.approx(iou)
    chosen = levels.astype(int) * levels.size >= min(2 * int(levels.sum()), 255 * levels.size)
    both = int((chosen & right).sum())
    assert found.measures.adaptive_f == pytest.approx(
        1.3 * both / (0.3 * right.sum() + chosen.sum()) if both else 0.0
    )
    assert found.measures.mae == pytest.approx(np.abs(levels / 255 - right).mean())


@pytest.mark.slow
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("group", ["made", "pascal", "ecssd"])
def test_pysodmetrics_agrees(group: str, normalize: bool, request: pytest.FixtureRequest) -> None:
    data = None if group == "made" else request.getfixturevalue("shared_data")
    cases = groups(data)[group]
    reference = REFERENCE[group][str(normalize).lower()]
    assert len(cases) == len(reference["cases"])
    scored, compared = [], 0
    for (levels, right), row in zip(cases, reference["cases"], strict=True):
        found = measure(levels, right, normalize=normalize)
        scored.append(found)
        for name in SCALARS:
            if row[name] is not None:  # its NaN: see test_foreground_at_the_far_edge
                assert getattr(found.measures, name) == pytest.approx(row[name], abs=1e-6), name
                compared += 1
        for name in ("precision", "recall", "f", "e"):
            curve = getattr(found.curves, name)
            assert curve[list(LEVELS)] == pytest.approx(row[name], abs=1e-6), name
        for level, expected in zip(LEVELS[1:], row["iou"][1:], strict=True):
            iou = measure(levels, right, level, normalize=normalize).measures.iou
            assert iou == pytest.approx(expected, abs=1e-6)
    assert compared > 5 * len(cases)
    curves = np.mean([found.curves for found in scored], axis=0)[None]
    scores = tuple(Score(str(n), (1, 1), (found.measures,), 0.0) for n, found in enumerate(scored))
    facts = summarize(Evaluation(scores, (), curves))
    for name in ("max_f", "max_f_per_image", "max_e"):
        assert facts[name] == pytest.approx(reference[name], abs=1e-6), name
