"""A loader's batch on its way to a method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from maskgen.loaders.batch import Batch
from maskgen.loaders.pixels.normalize import normalize
from maskgen.trainers.data.batch import to_device


def made_batch(**changes: Any) -> Batch:
    views = (
        torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8),
        torch.randint(0, 256, (4, 3, 6, 6), dtype=torch.uint8),
    )
    whole: dict[str, Any] = {
        "views": views,
        "masks": None,
        "cam_masks": None,
        "weak": None,
        "masked": None,
        "boxes": torch.zeros(4, 2, 4),
        "flips": torch.zeros(4, 2, dtype=torch.bool),
        "replaced": torch.zeros(4, 2, dtype=torch.uint8),
        "skipped": torch.zeros(4, 2, dtype=torch.bool),
        "kept": None,
        "negative": None,
        "negative_source": None,
        "matched": None,
        "label": torch.tensor([1, 2, -1, 0]),
        "key": list("abcd"),
        "sample": torch.arange(4),
    }
    return Batch(**{**whole, **changes})  # type: ignore[typeddict-item]


def test_pictures_are_normalized_as_torchvision_does() -> None:
    batch = made_batch()
    values = batch["views"][0].numpy() / 255.0
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    wanted = (values - mean[:, None, None]) / deviation[:, None, None]
    np.testing.assert_allclose(to_device(batch).views[0].numpy(), wanted, atol=2e-6)


def test_pictures_that_a_loader_normalized_stay_as_they_are() -> None:
    done = normalize(torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16))
    assert torch.equal(normalize(done), done)


def test_everything_a_method_uses_comes_along() -> None:
    picture = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    cam, matched = torch.rand(4, 7, 7), torch.tensor([True, False, True, True])
    batch = made_batch(
        weak=(picture, None), masked=(None, picture), cam_masks=(cam, None), negative=picture, matched=matched
    )
    views = to_device(batch)
    assert len(views) == 4
    assert views.weak[1] is None
    assert torch.equal(views.weak[0], normalize(picture))
    assert torch.equal(views.masked[1], normalize(picture))
    assert torch.equal(views.negative, normalize(picture))
    assert torch.equal(views.cam_masks[0], cam)
    assert torch.equal(views.matched, matched)
    assert views.label.tolist() == [1, 2, -1, 0]
    assert views.masks == ()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_type_and_memory_format(dtype: torch.dtype) -> None:
    views = to_device(made_batch(), dtype=dtype, channels_last=True)
    for view in views.views:
        assert view.dtype == dtype
        assert view.is_contiguous(memory_format=torch.channels_last)


def test_the_batch_is_left_as_it_was() -> None:
    batch = made_batch()
    before = batch["views"][0].clone()
    to_device(batch)
    assert torch.equal(batch["views"][0], before)


def test_the_background_of_masked_views_is_near_zero() -> None:
    """The loader paints ImageNet's mean, rounded to whole values."""
    from maskgen.loaders.recipes.parts import IMAGENET_MEAN

    picture = torch.tensor(IMAGENET_MEAN, dtype=torch.uint8)[None, :, None, None]
    assert normalize(picture).abs().max() < 0.01
