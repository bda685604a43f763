"""The confidence in a mask: its signs against values worked by hand, its weights, its digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from maskgen.config.run_config import CONFIDENCE_VERSION, METHODS
from maskgen.shards.confidence import (
    KINDS,
    LINES,
    OTHERS,
    Line,
    line_of,
    mask_confidence,
    mask_signs,
    soften,
    suspected,
)


def disc(center: tuple[float, float] = (64, 64), radius: float = 30, edge: float = 1) -> NDArray[np.uint8]:
    """A soft disc: its values fall from 255 to 0 over `edge` px around its rim."""
    y, x = np.mgrid[0:128, 0:128] + 0.5
    inside = (radius - np.hypot(y - center[0], x - center[1])) / edge + 0.5
    return np.rint(255 * np.clip(inside, 0, 1)).astype(np.uint8)


def test_the_signs_of_a_rectangle_worked_by_hand() -> None:
    small = np.zeros((128, 128), np.uint8)
    small[40:60, 0:50] = 255
    signs = mask_signs(small, 128)
    assert signs is not None
    assert signs.agreement == 1
    deviations = math.sqrt((20**2 - 1) / 12 * (50**2 - 1) / 12)  # of n equal steps: (n² - 1) / 12
    assert signs.scatter == pytest.approx(deviations / (20 * 50), rel=1e-12)
    assert signs.sides == 0.25  # it touches the left side
    small[60:80, 0:50] = 63  # half as far from the foreground as from 0 to 126, where 128 is the middle
    signs = mask_signs(small, 126)
    assert signs is not None
    assert signs.agreement == 1 / (1 + 0.25)


@pytest.mark.parametrize("seed", range(6))
def test_the_signs_of_random_masks_against_the_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 4 + 3 * seed)
    small = np.rint(255 * np.clip(field / field.std() * 0.3 + 0.4, 0, 1)).astype(np.uint8)
    level = int(rng.integers(60, 200))
    signs = mask_signs(small, level)
    assert signs is not None
    soft = np.interp(small, (0, level, 255), (0, 0.5, 1))
    hard = small >= level
    agreement = np.minimum(soft, hard).sum() / np.maximum(soft, hard).sum()
    rows, columns = np.nonzero(hard)
    touched = np.mean([hard[0].any(), hard[-1].any(), hard[:, 0].any(), hard[:, -1].any()])
    assert signs.agreement == pytest.approx(agreement, abs=2e-3)  # its steps are thousandths
    assert signs.scatter == pytest.approx(min(0.5, rows.std() * columns.std() / hard.sum()), rel=1e-9)
    assert signs.sides == touched


def test_an_empty_mask_is_not_trusted_at_all_and_a_single_pixel_has_signs() -> None:
    small = np.zeros((128, 128), np.uint8)
    assert mask_signs(small, 1) is None
    assert {mask_confidence(small, 1, method) for method in METHODS} == {0.0}
    small[0, 0] = 255
    signs = mask_signs(small, 255)
    assert signs is not None
    assert (signs.agreement, signs.scatter, signs.sides) == (1, 0, 0.5)
    assert mask_signs(np.full((128, 128), 255, np.uint8), 1) is not None


@pytest.mark.parametrize("method", METHODS)
def test_doubt_scatter_and_border_contact_lower_it(method: str) -> None:
    clear = mask_confidence(disc(), 128, method)
    assert 0 < clear <= 1
    assert clear == round(clear, 3)
    assert mask_confidence(disc(edge=30), 128, method) < clear
    assert mask_confidence(disc(center=(64, 20)), 128, method) < clear  # over one side
    two = np.maximum(disc((30, 30), 15), disc((98, 98), 15))
    assert mask_confidence(two, 128, method) < clear


def test_of_binary_masks_the_shape_alone_counts() -> None:
    for method in METHODS:
        weights = line_of(method, binary=True).weights
        assert weights[0] == 0
        assert mask_confidence(disc(), 128, method, binary=True) == mask_confidence(
            disc(edge=3), 128, method, binary=True
        )


def test_a_line_is_a_sum_cut_to_shares() -> None:
    signs = mask_signs(disc(), 128)
    assert signs is not None
    line = Line(0.25, (0.5, -1.0, 0.0))
    assert line(signs) == pytest.approx(0.25 + 0.5 * signs.agreement - signs.scatter, abs=1e-15)
    assert (Line(-9, (1.0, 0.0, 0.0))(signs), Line(9, (1.0, 0.0, 0.0))(signs)) == (0, 1)


def test_every_method_has_weights_and_what_is_unknown_those_of_others() -> None:
    assert set(KINDS) < set(METHODS)
    assert {*KINDS.values(), OTHERS} == set(LINES)
    for method in (*METHODS, "a method of tomorrow"):
        known = LINES[KINDS.get(method, OTHERS)]
        assert line_of(method) == known[max(known)][0]
        assert line_of(method, binary=True) == known[max(known)][1]
    assert line_of("fast", version=1) == LINES[OTHERS][1][0]  # shards of before keep what they were made with
    assert max(since for known in LINES.values() for since in known) == CONFIDENCE_VERSION


def test_new_weights_leave_the_shards_of_before_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    new = (Line(0.5, (0.0, 0.0, 0.0)), Line(0.25, (0.0, 0.0, 0.0)))
    monkeypatch.setattr(
        "maskgen.shards.confidence.LINES",
        {**LINES, "networks": {**LINES["networks"], 4: new}, "student": {4: new}},
    )
    monkeypatch.setattr("maskgen.shards.confidence.KINDS", {**KINDS, "student": "student"})
    assert mask_confidence(disc(), 128, "u2netp", version=4) == 0.5
    assert (
        mask_confidence(disc(), 128, "u2netp", version=2)
        == mask_confidence(disc(), 128, "u2net", version=1)
        != 0.5
    )
    assert mask_confidence(disc(), 128, "student", version=4, binary=True) == 0.25
    assert mask_confidence(disc(), 128, "student", version=1) == mask_confidence(
        disc(), 128, "onnx", version=1
    )
    with pytest.raises(ValueError, match="no weights of version 0"):
        line_of("vote", version=0)


def halve_logit(level: int) -> int:
    """0..1000 to 0..1000, by logarithms."""
    if level in (0, 1000):
        return level
    return round(1000 / (1 + math.exp(-math.log(level / (1000 - level)) / 2)))


def test_a_softened_mask_has_the_agreement_of_the_one_whose_logits_were_doubled() -> None:
    rng = np.random.default_rng(0)
    logits = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 6) * 20
    learned, doubled = (np.rint(255 / (1 + np.exp(-k * logits))).astype(np.uint8) for k in (1, 2))
    of_learned, of_doubled = mask_signs(learned, 128), mask_signs(doubled, 128, softened=True)
    as_it_is = mask_signs(doubled, 128)
    assert of_learned is not None
    assert of_doubled is not None
    assert as_it_is is not None
    assert of_doubled.agreement == pytest.approx(of_learned.agreement, abs=0.01)
    assert as_it_is.agreement > of_learned.agreement + 0.05
    assert of_doubled[1:] == as_it_is[1:] == of_learned[1:]
    values = [soften(1 / (1 + math.exp(-2 * x))) for x in (-3, -0.5, 0, 1, 4)]
    assert values == pytest.approx([1 / (1 + math.exp(-x)) for x in (-3, -0.5, 0, 1, 4)])


def test_the_digits_are_those_of_every_machine() -> None:
    """Worked with fractions, so that no order of summing or rounding of this machine is in them."""
    from fractions import Fraction

    small, level = np.maximum(disc((40, 50), 25, 9), disc((100, 110), 30, 20)), 140
    hard = small >= level
    n = int(hard.sum())
    soft = [
        500 * v // level if v < level else 1000 - 500 * (255 - v) // (255 - level)
        for v in small.ravel().tolist()
    ]
    agreements = {}
    for softened, levels in {False: soft, True: [halve_logit(v) for v in soft]}.items():
        inside = sum(v for v, h in zip(levels, hard.ravel().tolist(), strict=True) if h)
        agreements[softened] = Fraction(inside, 1000 * n + sum(levels) - inside)
    deviations = []
    for places in np.nonzero(hard):
        values = places.tolist()
        deviations.append(Fraction(sum(v * v for v in values), n) - Fraction(sum(values), n) ** 2)
    scatter = Fraction(math.sqrt(deviations[0] * deviations[1])) / n
    sides = Fraction(sum(bool(side.any()) for side in (hard[0], hard[-1], hard[:, 0], hard[:, -1])), 4)
    for method in METHODS:
        line = line_of(method)
        signs = (agreements[line.softened], scatter, sides)
        exact = Fraction(line.base) + sum(Fraction(w) * s for w, s in zip(line.weights, signs, strict=True))
        assert mask_confidence(small, level, method) == round(float(min(max(exact, 0), 1)), 3)


def test_backgrounds_of_a_student_are_chosen_by_its_mask_as_it_was_learned() -> None:
    small = np.arange(256, dtype=np.uint8).repeat(64).reshape(128, 128)
    found = suspected(small, "fast")
    wanted = [0, *(255 / (1 + math.exp(-math.log(v / (255 - v)) / 2)) for v in range(1, 255)), 255]
    assert np.abs(found[::1, ::64].ravel() - np.array(wanted)).max() <= 0.5
    for method, version in (("fast", 2), ("vote", CONFIDENCE_VERSION), ("mine", CONFIDENCE_VERSION)):
        assert suspected(small, method, version) is small
