"""Where a network looks, on one whose answer is known; IoU and density by hand; what is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskgen.errors import UsageError
from maskgen.trainers.datasets.masked import Masked, MaskedImages
from maskgen.trainers.evaluations.grounding.crops import Crop
from maskgen.trainers.evaluations.grounding.measure import BINS, Look, Looker, judge, summarize
from maskgen.trainers.heads.head import Head, linear_layer

CPU = torch.device("cpu")
SIDE = 32


def red_square(number: int) -> Masked:
    """A red foreground on green."""
    mask = np.zeros((64, 64), bool)
    mask[8 : 40 + number, 16:48] = True
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[mask, 0], photo[~mask, 1] = 255, 255
    return photo, mask


IMAGES = MaskedImages(5, "", red_square, str)
COLORS = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""Maps are the colors, features their means: what matches a red foreground is red."""


def as_numbers(pictures: Tensor) -> Tensor:
    return pictures.float() / 255


def looker(**values: object) -> Looker:
    return Looker(COLORS, as_numbers, CPU, SIDE, layer="0", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("crops", ["random", "whole"])
def test_a_network_that_sees_color_looks_at_the_red_foreground(crops: str) -> None:
    for look in looker(crops=crops).looks(IMAGES, range(5)):
        overlap, density = judge(look)
        assert overlap > 0.9
        assert density > 0.9


def test_the_logit_of_a_class_points_at_its_color() -> None:
    heads = {name: torch.eye(3)[row : row + 1] for row, name in enumerate(("red", "green"))}
    found = {}
    for name, weight in heads.items():
        head = Head(linear_layer(weight, torch.zeros(1)))
        looks = looker(score="class", crops="whole", head=head).looks(IMAGES, range(2))
        found[name] = [judge(look) for look in looks]
    assert all(overlap > 0.9 and density > 0.9 for overlap, density in found["red"])
    assert all(overlap < 0.1 and density < -0.9 for overlap, density in found["green"])


def test_batches_change_nothing() -> None:
    alone, together = (
        [judge(look) for look in looker(batch_size=size).looks(IMAGES, range(5))] for size in (1, 5)
    )
    assert np.allclose(alone, together)
    assert [judge(look) for look in looker().looks(IMAGES, [3])] == [pytest.approx(together[3])]


def test_iou_and_density_against_loops() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask, cam = rng.random((6, 7)) < 0.4, rng.random((6, 7)).astype(np.float32)
        both = either = 0
        inside, outside = [], []
        for y in range(6):
            for x in range(7):
                both += bool(mask[y, x]) and cam[y, x] > 0.5
                either += bool(mask[y, x]) or cam[y, x] > 0.5
                (inside if mask[y, x] else outside).append(float(cam[y, x]))
        found = judge(Look(Crop(np.zeros((6, 7, 3), np.uint8), mask), cam))
        assert found == pytest.approx((both / either, np.mean(inside) - np.mean(outside)))


def scored(mask: NDArray[np.bool_]) -> tuple[float, float]:
    return judge(Look(Crop(np.zeros((2, 2, 3), np.uint8), mask), np.ones((2, 2), np.float32)))


def test_masks_of_one_value_are_left_out_where_they_say_nothing() -> None:
    empty, full = (scored(np.full((2, 2), value)) for value in (False, True))
    assert np.isnan(empty).all()
    assert full[0] == 1
    assert np.isnan(full[1])
    found = summarize(np.array([empty, full, (0.5, 0.25), (0.0, -0.25)]))
    assert (found["iou"], found["iou_median"], found["delta_saliency_density"]) == (0.5, 0.5, 0.0)
    assert (found["images"], found["without_foreground"]) == (3, 1)
    assert sum(found["iou_histogram"]) == 3
    assert len(found["iou_histogram"]) == BINS
    assert found["iou_histogram"][0] == found["iou_histogram"][10] == found["iou_histogram"][-1] == 1
    with pytest.raises(UsageError, match="no query has any foreground"):
        summarize(np.array([empty]))
    assert summarize(np.array([full]))["delta_saliency_density"] is None


def test_questions_without_an_answer_are_refused() -> None:
    with pytest.raises(UsageError, match="no gradient at its maximum"):
        looker(score="key", crops="whole")
    with pytest.raises(UsageError, match="--head"):
        looker(score="class")
    with pytest.raises(UsageError, match="--head"):
        looker(head=Head(linear_layer(torch.zeros(1, 3), torch.zeros(1))))
