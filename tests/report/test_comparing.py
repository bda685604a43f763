"""Masks against others and against truths, of which the figures are worked by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.report.comparing import hold_against_others, hold_against_truth, intersection_over_union
from maskgen.report.opened import survey_maps
from maskgen.report.sample import Findings
from maskgen.report.settings import Settings


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Masks of half of the photo, at twice the size; one has no partner."""
    folder = tmp_path / "others"
    folder.mkdir()
    levels = np.zeros((48, 64), np.uint8)
    levels[:, :32] = 255
    for name in ("empty", "eighth", "half", "whole", "stranger"):
        cv2.imwrite(str(folder / f"{name}.png"), levels)
    return folder


EXPECTED = {"empty": 0.0, "eighth": 0.25, "half": 1.0, "whole": 0.5}


def test_two_sets_are_compared_where_both_have_a_mask(maps: Path, others: Path) -> None:
    survey, findings = survey_maps(maps, 100, 0, 24, set()), Findings()
    hold_against_others(Settings(masks=maps, compare=others), survey.drawn, survey.level, findings)
    assert findings.agreement == pytest.approx(EXPECTED)
    assert {name: Path(blob.file).stem for name, blob in findings.others.items()} == {n: n for n in EXPECTED}


def test_truths_are_judged_as_maskgen_eval_does(maps: Path, others: Path) -> None:
    findings = Findings()
    truths = hold_against_truth(Settings(masks=maps, truth=others), findings)
    assert truths is not None
    assert (truths.pairs, truths.without) == (4, 1)
    assert findings.truth == pytest.approx(EXPECTED)
    few = Findings()
    assert hold_against_truth(Settings(masks=maps, truth=others, opened=2), few)
    assert len(few.truth) == 2
    assert few.truth.items() <= findings.truth.items()


def test_without_other_masks_and_truths_nothing_is_done(maps: Path) -> None:
    findings = Findings()
    assert hold_against_truth(Settings(masks=maps), findings) is None
    hold_against_others(Settings(masks=maps), [], 128, findings)
    assert findings == Findings()


def test_sets_without_a_common_name_are_refused(maps: Path, tmp_path: Path) -> None:
    folder = tmp_path / "strangers"
    folder.mkdir()
    cv2.imwrite(str(folder / "nobody.png"), np.zeros((4, 4), np.uint8))
    survey = survey_maps(maps, 100, 0, 24, set())
    with pytest.raises(UsageError, match="no mask has a partner"):
        hold_against_others(Settings(masks=maps, compare=folder), survey.drawn, survey.level, Findings())
    with pytest.raises(UsageError, match="no truth has a mask"):
        hold_against_truth(Settings(masks=maps, truth=folder), Findings())


def test_empty_masks_agree() -> None:
    nothing = np.zeros((2, 3), bool)
    assert intersection_over_union(nothing, nothing) == 1.0
    assert intersection_over_union(nothing, ~nothing) == 0.0
