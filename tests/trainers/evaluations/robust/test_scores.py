"""Figures against sums that are worked by hand."""

from __future__ import annotations

import pytest

from maskgen.trainers.evaluations.robust.scores import (
    ALEXNET,
    SEVERITIES,
    accuracy,
    background_figures,
    corruption_figures,
    plain_figures,
    shape_figures,
)


def test_one_part_has_its_accuracies_and_several_have_their_mean() -> None:
    assert plain_figures({"": {"images": 8, "top1": 2, "top5": 6}}) == {"top1": 0.25, "top5": 0.75}
    found = plain_figures({"a": {"images": 4, "top1": 1}, "b": {"images": 2, "top1": 1}})
    assert found == {"top1": 0.375, "top1_a": 0.25, "top1_b": 0.5}
    assert accuracy({"images": 0, "top1": 0}) == 0


def test_alexnet_itself_has_an_mce_of_100_and_half_its_errors_one_of_50() -> None:
    for share, mce in ((1.0, 100), (0.5, 50)):
        parts = {
            f"{name}/{severity}": {"images": 1e6, "top1": 1e6 * (1 - share * error)}
            for name, error in ALEXNET.items()
            for severity in SEVERITIES
        }
        assert corruption_figures(parts)["mce"] == pytest.approx(mce)


def test_severities_count_within_a_corruption_and_corruptions_alike() -> None:
    """Worked by hand: gaussian noise is half right on average, all others are never wrong."""
    parts = {f"{name}/{severity}": {"images": 10, "top1": 10} for name in ALEXNET for severity in SEVERITIES}
    for severity, right in zip(SEVERITIES, (10, 8, 5, 2, 0), strict=True):
        parts[f"gaussian_noise/{severity}"] = {"images": 10, "top1": right}
    found = corruption_figures(parts)
    assert found["mce"] == pytest.approx(100 * (0.5 / 0.886428) / 15)
    assert found["top1"] == pytest.approx((14 + 0.5) / 15)
    assert (found["top1_gaussian_noise"], found["top1_snow"]) == (0.5, 1.0)


def test_a_part_of_the_corruptions_has_no_mce() -> None:
    parts = {f"snow/{severity}": {"images": 4, "top1": 1} for severity in SEVERITIES}
    assert corruption_figures(parts) == {"top1": 0.25, "mce": None, "top1_snow": 0.25}


def test_the_gap_is_what_other_backgrounds_cost() -> None:
    """ResNet-50's of Xiao et al., table 1."""
    parts = {"original": 956, "mixed_same": 862, "mixed_rand": 789}
    found = background_figures({name: {"images": 1000, "top1": right} for name, right in parts.items()})
    assert found["bg_gap"] == pytest.approx(0.073)
    assert found["original"] == 0.956
    assert background_figures({"mixed_same": {"images": 1, "top1": 1}})["bg_gap"] is None


def test_shape_bias_counts_only_shape_or_texture() -> None:
    found = shape_figures({"": {"images": 1200, "shape": 200, "texture": 600}})
    assert found == {"shape_bias": 0.25, "shape": pytest.approx(1 / 6), "texture": 0.5}
    assert shape_figures({"": {"images": 5, "shape": 0, "texture": 0}})["shape_bias"] is None
