"""Each rule on both sides of its edge, by arithmetic on boxes; then whole data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from challenge_kit import BOX, CLASSES, DRAWINGS, Drawing

from maskgen.challenge.selection import REASONS, Facts, read_facts, select, why_left_out
from maskgen.challenge.settings import Settings
from maskgen.errors import UsageError
from maskgen.loaders import Dataset
from maskgen.types import Box

SIZE = (200, 400)
"""Its square is columns 100 to 300; a cell of the small mask is 1.5625 by 3.125 px."""


def facts(box: tuple[int, int, int, int], **changes: object) -> Facts:
    """A photo whose foreground fills its box."""
    y0, x0, y1, x1 = box
    small = np.zeros((128, 128), np.bool_)
    small[round(y0 * 0.64) : round(y1 * 0.64), round(x0 * 0.32) : round(x1 * 0.32)] = True
    share = (y1 - y0) * (x1 - x0) / (SIZE[0] * SIZE[1])
    return replace(Facts(SIZE, Box(*box), share, 3, 0.8, small), **changes)  # type: ignore[arg-type]


GOOD = (50, 150, 100, 250)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (facts(GOOD), ""),
        (facts(GOOD, label=-1), "no-label"),
        (facts((0, 0, 0, 0)), "no-foreground"),
        (facts(GOOD, small=np.zeros((128, 128), np.bool_)), "no-foreground"),
        (facts(GOOD, confidence=0.69), "low-confidence"),
        (facts(GOOD, confidence=0.7), ""),
        (facts(GOOD, confidence=None), ""),
        (facts((50, 0, 100, 150)), "outside"),  # a third of it lies right of column 100
        (facts((50, 50, 100, 150)), ""),  # half of it does
        (facts(GOOD, share=0.1 * 5000 / 80000), ""),
        (facts(GOOD, share=0.099 * 5000 / 80000), "too-sparse"),
        # A margin of 4 px and a seam of 8 px are covered on each side: 188 x 188 of 200 x 200 px are 88 %,
        # 192 x 190 are 91 %.
        (facts((18, 118, 182, 282)), ""),
        (facts((16, 117, 184, 283)), "too-large"),
    ],
)
def test_each_rule_on_both_sides_of_its_edge(found: Facts, reason: str) -> None:
    assert why_left_out(found, min_confidence=0.7) == reason


@pytest.mark.parametrize(("above", "reason"), [(24, "no-strip"), (40, "")])
def test_a_strip_to_be_repeated_has_to_be_wide_enough(above: int, reason: str) -> None:
    """As wide as the photo, 24 px above the foreground: 4 + 8 px of margin and seam leave 12, 4 % are 16.

    Below the foreground nothing is left. The square is covered to less than 90 %, as the photo is high.
    """
    size = (400, 200)
    small = np.zeros((128, 128), np.bool_)
    small[40:90] = True
    box = Box(above, 0, 400 - above, 200)
    found = Facts(size, box, 0.5, 3, None, small)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maskgen.challenge.selection.MAX_BOX", 1.0)
        assert why_left_out(found) == reason


def test_every_sample_is_asked_for_what_its_mask_says(drawn: Dataset) -> None:
    found = list(read_facts(drawn))
    assert [one.label for one in found] == list(CLASSES)
    assert {one.box for one in found} == {BOX}
    assert {one.share for one in found} == {round(16 * 16 / 2400, 6)}
    assert {one.size for one in found} == {(40, 60)}


def test_reasons_are_counted_and_what_is_left_is_in_order(draw_shards: Callable[..., Dataset]) -> None:
    odd = [
        Drawing(13, 7, box=(0, 0, 0, 0)),
        Drawing(14, 2, box=(12, 0, 28, 14)),
        Drawing(15, 2, box=(0, 10, 40, 50)),
        Drawing(16, None),
        Drawing(17, 90),
    ]
    found = select(draw_shards([*DRAWINGS, *odd]), Settings())
    assert found.taken == list(range(12))
    counts = {"no-foreground": 1, "outside": 1, "too-large": 1, "no-label": 1, "alone": 1}
    assert found.left_out() == {**dict.fromkeys(REASONS, 0), **counts}
    assert [found.reasons[12 + n] for n in range(5)] == list(counts)


def test_so_many_of_each_class_are_drawn_by_the_seed(drawn: Dataset) -> None:
    drawn_by = [select(drawn, Settings(per_class=3, seed=seed)) for seed in range(8)]
    for one in drawn_by:
        assert sorted(one.labels[number] for number in one.taken) == [2] * 3 + [7] * 3 + [30] * 3
        assert one.left_out()["not-drawn"] == 3
    assert len({tuple(one.taken) for one in drawn_by}) > 1
    with pytest.raises(UsageError, match="no other"):
        select(drawn, Settings(per_class=1))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ((None, None, None), "have no labels"),
        (((1, 2), (3,), (2,)), "have no labels"),
        ((5, 5, 5), "3 of 3 photos are fit"),
        ((5, 5, 6), "no other photo of its class is left: 1"),
    ],
)
def test_too_few_labels_classes_or_photos_are_told(
    labels: Sequence[object], words: str, draw_shards: Callable[..., Dataset]
) -> None:
    dataset = draw_shards([Drawing(number, label) for number, label in enumerate(labels, 1)])  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        select(dataset, Settings())
    assert words in str(caught.value)
    assert caught.value.remedy
