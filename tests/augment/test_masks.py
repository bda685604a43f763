"""Crops and spoiled masks of tensors: against torchvision's crop, a count of pixels, and plain geometry."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision.transforms.v2 import functional

from maskgen.augment import Corruption, Crop, corrupt_masks, foreground_crops
from maskgen.errors import UsageError


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def corner() -> tuple[torch.Tensor, torch.Tensor]:
    """200 photos of noise whose foreground is a tenth of the sides in one corner."""
    images = torch.randint(0, 256, (1, 3, 60, 80), dtype=torch.uint8, generator=seeded(0)).expand(
        200, -1, -1, -1
    )
    masks = torch.zeros(200, 1, 60, 80, dtype=torch.bool)
    masks[:, :, :6, :8] = True
    return images, masks


def test_crops_hold_the_foreground_and_plain_ones_do_not(corner: Any) -> None:
    images, masks = corner

    def shares(crop: Crop) -> torch.Tensor:
        boxes = foreground_crops(images, masks, 16, crop, generator=seeded(1)).boxes
        held = [masks[0, 0, y : y + h, x : x + w].sum() / 48 for y, x, h, w in boxes.tolist()]
        return torch.stack(held)

    scale = (0.05, 0.2)
    held = shares(Crop(scale=scale, fg_min=0.5, rule="phi"))
    assert (held >= 0.5 - 0.02).all()
    assert (shares(Crop(scale=scale)) < 0.5).float().mean() > 0.5


def test_pixels_and_masks_are_those_of_the_box(corner: Any) -> None:
    images, masks = (part[:5] for part in corner)
    made = foreground_crops(images, masks, 24, generator=seeded(2))
    assert made.images.dtype == torch.uint8
    assert made.masks.dtype == torch.bool
    for row, (y, x, h, w) in enumerate(made.boxes.tolist()):
        cut = images[row, :, y : y + h, x : x + w]
        expected = functional.resize(cut, [24, 24], antialias=True)
        assert torch.equal(made.images[row], expected)
        assert (
            made.masks[row].float().mean() - masks[row, :, y : y + h, x : x + w].float().mean()
        ).abs() < 0.06


def test_a_soft_mask_stays_soft(corner: Any) -> None:
    images, masks = corner
    made = foreground_crops(images[:2], masks[:2].float(), 100, generator=seeded(2))
    assert made.masks.dtype == torch.float32
    assert ((made.masks > 0.01) & (made.masks < 0.99)).any()


def test_no_row_and_no_size_are_refused(corner: Any) -> None:
    images, masks = corner
    with pytest.raises(UsageError, match="no photo in this batch"):
        foreground_crops(images[:0], masks[:0], 16)
    with pytest.raises(UsageError, match="a crop has no size 0"):
        foreground_crops(images, masks, 0)


def test_crops_that_look_at_others_are_refused(corner: Any) -> None:
    with pytest.raises(UsageError, match="another view's crop"):
        foreground_crops(*corner, 16, Crop(overlap_of=0))
    with pytest.raises(UsageError, match="another view's crop"):
        foreground_crops(*corner, 16, Crop(fg_min=0.1, fg_within=0))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32])
def test_spoiled_masks_keep_their_type_and_shape(dtype: torch.dtype) -> None:
    masks = torch.zeros(2, 48, 64, dtype=torch.bool)
    masks[:, 12:36, 16:32] = True
    given = masks * torch.tensor(255, dtype=dtype) if dtype == torch.uint8 else masks.to(dtype)
    made = corrupt_masks(given, Corruption(change="translate", amount=0.5), generator=seeded(0))
    assert (made.dtype, made.shape) == (given.dtype, given.shape)
    hard = made if dtype == torch.bool else made > (made.max() / 2)
    assert not torch.equal(hard, masks)
    assert abs(int(hard[0].sum()) - 24 * 16) < 60  # moved within the photo, by half its sides at most


def test_a_box_is_the_box_and_a_flip_the_mirror_image() -> None:
    masks = torch.zeros(1, 1, 128, 128, dtype=torch.bool)
    masks[0, 0, 20:60, 30] = masks[0, 0, 59, 30:90] = True
    box = torch.zeros_like(masks)
    box[..., 20:60, 30:90] = True
    assert torch.equal(corrupt_masks(masks, Corruption(change="box")), box)
    assert torch.equal(corrupt_masks(masks, Corruption(change="flip", amount=1.0)), masks.flip(-1))
