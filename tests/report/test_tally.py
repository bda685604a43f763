"""Counts and rankings, against sorting everything."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from maskgen.evaluation.pairs import MaskEntry
from maskgen.evaluation.reading import Blob
from maskgen.report.sample import Sample
from maskgen.report.tally import BINS, LISTED, Quarantine, Ranking, Tally


def sample(number: int) -> Sample:
    return Sample(MaskEntry((str(number),), Blob("x")), "x", None, 0.0, None, 0)


def test_a_ranking_is_the_beginning_of_the_sorted_whole_and_equals_keep_their_order() -> None:
    values = np.random.default_rng(0).integers(0, 9, 200).tolist()
    ranking = Ranking(17)
    for number, value in enumerate(values):
        ranking.offer(value, number, partial(sample, number))
    order = sorted(range(200), key=lambda number: values[number])
    assert [int(one.key) for one in ranking.best()] == order[:17]


def test_a_ranking_makes_no_sample_that_it_does_not_keep() -> None:
    made = []
    ranking = Ranking(2)
    for number, value in enumerate((0.1, 0.2, 0.3, 0.3, 0.15)):
        ranking.offer(value, number, lambda number=number: made.append(number) or sample(number))  # type: ignore[misc, func-returns-value]
    assert made == [0, 1, 4]


def test_a_tally_counts_what_numpy_counts() -> None:
    rng = np.random.default_rng(0)
    areas = np.concatenate([[0.0, 0.0, 0.004, 1.0], rng.random(300)])
    trust = np.concatenate([[0.0, 1.0, 0.5, 0.49], rng.random(300)])
    tally = Tally(3)
    for number, (area, confidence) in enumerate(zip(areas, trust, strict=True)):
        tally.add(number, float(area), float(confidence), number % 5, partial(sample, number))
    assert tally.coverage == np.histogram(areas, BINS, (0, 1))[0].tolist()
    assert tally.confidence == np.histogram(trust, BINS, (0, 1))[0].tolist()
    assert (tally.empty, tally.specks) == (2, int(((areas > 0) & (areas < 0.01)).sum()))
    assert tally.doubtful == int((trust < 0.5).sum())
    assert tally.mean_coverage == pytest.approx(areas.mean())
    assert tally.mean_confidence == pytest.approx(trust.mean())
    assert tally.sides == np.bincount(np.arange(304) % 5).tolist()
    emptiest = [int(one.key) for one in tally.rankings["emptiest"].best()]
    assert emptiest == np.argsort(areas, kind="stable")[:3].tolist()
    assert tally.rankings["fullest"].best()[0].key == "3"
    border = [int(one.key) for one in tally.rankings["border"].best()]
    fours = [number for number in range(304) if number % 5 == 4]
    assert border == sorted(fours, key=lambda number: -areas[number])[:3]


def test_without_confidences_there_is_no_mean_of_them() -> None:
    tally = Tally(3)
    tally.add(0, 0.5, None, 0, partial(sample, 0))
    assert (tally.mean_confidence, tally.rankings["doubtful"].best()) == (None, [])


def test_a_quarantine_counts_all_and_lists_the_first() -> None:
    quarantine = Quarantine()
    for number in range(LISTED + 7):
        quarantine.add("s", str(number), "p", "truncated: 3 rows" if number % 3 else "not-an-image: GIF")
    assert quarantine.count == LISTED + 7 == sum(quarantine.reasons.values())
    assert set(quarantine.reasons) == {"truncated", "not-an-image"}
    assert [one[1] for one in quarantine.listed] == [str(number) for number in range(LISTED)]
