"""Pieces against SciPy's labels; plain maps of known shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from report_kit import SHARES

from maskgen.report.opened import SMALLEST, count_pieces, find_pieces, survey_maps
from maskgen.report.sample import Findings


@pytest.mark.parametrize("seed", range(5))
def test_pieces_are_those_that_scipy_labels_but_for_specks(seed: int) -> None:
    noise = np.random.default_rng(seed).random((60, 80))
    hard = scipy.ndimage.gaussian_filter(noise, 1.2) > 0.53
    labels = np.zeros(hard.shape, np.int32)
    scipy.ndimage.label(hard, np.ones((3, 3)), output=labels)
    sizes = np.bincount(labels.ravel())[1:]
    assert count_pieces(hard) == int((sizes >= SMALLEST * hard.size).sum()) > 3
    assert count_pieces(np.zeros((5, 7), bool)) == 0


def test_maps_of_a_folder_are_measured_as_they_are(maps: Path) -> None:
    survey = survey_maps(maps, 100, 0, 2, {"half", "no such map"})
    assert (survey.total, survey.tally.samples, survey.tally.empty) == (5, 5, 1)
    assert survey.tally.mean_coverage == pytest.approx(sum(SHARES.values()) / 32 / 5)
    assert [one.key for one in survey.tally.rankings["emptiest"].best()] == ["empty", "eighth"]
    assert [one.key for one in survey.tally.rankings["fullest"].best()] == ["whole", "half"]
    (half,) = survey.wanted
    assert (half.coverage, half.sides, half.size) == (0.5, 3, (24, 32))
    findings = Findings()
    find_pieces(survey.drawn, survey.level, findings)
    assert findings.pieces == {name: int(count > 0) for name, count in SHARES.items()}


def test_of_many_maps_some_are_drawn(maps: Path) -> None:
    survey = survey_maps(maps, 2, 1, 24, set())
    assert (survey.total, survey.tally.samples, len(survey.drawn)) == (5, 2, 2)
    assert survey.drawn == survey_maps(maps, 2, 1, 24, set()).drawn
