"""Backgrounds of batches: pixels against the loaders' kernels, choices by what the pixels tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from maskgen.augment import Background, compose, replace_backgrounds
from maskgen.errors import UsageError
from maskgen.loaders.pixels import kernels
from maskgen.shards.sample import cut_level

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
    ),
]
RM = Background(replace="grey", p=1.0)
RANDOM = Background(replace="donor", p=1.0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("softness", [0.0, 0.2, 1.0])
def test_pixels_are_the_loaders(threshold: float, softness: float) -> None:
    rng = np.random.default_rng(0)
    images, backgrounds = rng.integers(0, 256, (2, 3, 16, 20, 3), np.uint8)
    masks = rng.integers(0, 256, (3, 16, 20), np.uint8)
    level = cut_level(threshold)
    planes = [torch.from_numpy(picture).movedim(-1, 1) for picture in (images, backgrounds)]
    made = (
        compose(*planes, torch.from_numpy(masks), threshold=threshold, softness=softness)
        .movedim(1, -1)
        .numpy()
    )
    for image, background, mask, got in zip(images, backgrounds, masks, made, strict=True):
        if softness:
            expected = kernels.blend(image, background, mask, level, softness)
            assert np.abs(got.astype(int) - expected).max() <= 1  # float64 there
            assert (got != expected).mean() < 1e-3
        else:
            np.testing.assert_array_equal(
                got, kernels.compose(image, background.copy(), kernels.hard(mask, level))
            )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16])
@pytest.mark.parametrize("device", DEVICES)
def test_type_and_device_are_kept_and_foregrounds_stay(scene: Any, dtype: torch.dtype, device: str) -> None:
    masks, of_range = scene.masks.to(device), 255 if dtype.is_floating_point else 1
    images, others = (one.to(device, dtype) / of_range for one in (scene.images, scene.backgrounds))
    images, others = images.to(dtype), others.to(dtype)
    for law, backgrounds in ((RM, None), (RANDOM, others)):
        made = replace_backgrounds(images, masks, law, backgrounds, generator=seeded(0))
        assert (made.images.dtype, made.images.device, made.images.shape) == (
            dtype,
            images.device,
            images.shape,
        )
        assert made.replaced.tolist() == [True, True, True, False]
        inside = masks.expand_as(images)
        assert torch.equal(made.images[inside], images[inside])
        assert torch.equal(made.images[3], images[3])  # it shows no foreground


def test_one_gray_level_stands_behind_a_photo_and_all_levels_come_up(scene: Any) -> None:
    outside = ~scene.masks[0, 0]
    images, masks = scene.images[:1].expand(3000, -1, -1, -1), scene.masks[:1].expand(3000, -1, -1, -1)
    levels = replace_backgrounds(images, masks, RM, generator=seeded(1)).images[:, :, outside].flatten(1)
    assert (levels == levels[:, :1]).all()
    assert len(levels[:, 0].unique()) == 256
    whole = replace_backgrounds(images / 255, masks, RM, generator=seeded(1)).images[:, :, outside].flatten(1)
    torch.testing.assert_close(whole * 255, levels.float())


def test_a_background_is_another_rows_that_has_a_foreground(scene: Any) -> None:
    seen = set()
    for seed in range(30):
        made = replace_backgrounds(
            scene.images, scene.masks, RANDOM, scene.backgrounds, generator=seeded(seed)
        )
        donors = [(int(made.images[row, 0, 0, 0]) - 200) // 10 for row in range(3)]
        assert all(donor != row for row, donor in enumerate(donors))
        seen |= set(enumerate(donors))
    assert seen == {(row, donor) for row in range(3) for donor in range(3) if row != donor}  # none of row 3


def test_the_share_of_replaced_backgrounds_is_p_and_a_seed_repeats_it(scene: Any) -> None:
    images, masks = scene.images[:1].expand(4000, -1, -1, -1), scene.masks[:1].expand(4000, -1, -1, -1)
    law = Background(replace="grey", p=0.2)
    one, two = (replace_backgrounds(images, masks, law, generator=seeded(3)) for _ in range(2))
    assert 0.17 < one.replaced.float().mean() < 0.23
    assert torch.equal(one.images, two.images)


def test_a_photo_that_shows_too_little_keeps_its_background(scene: Any) -> None:
    share = scene.masks.flatten(1).float().mean(dim=1)
    least = float((share[0] + share[1]) / 2)
    for law in (
        Background(replace="grey", p=1.0, min_visible=least),
        Background(replace="grey", p=1.0, min_area=least),
    ):
        assert replace_backgrounds(scene.images, scene.masks, law).replaced.tolist() == [
            False,
            True,
            True,
            False,
        ]


def test_a_lone_photo_with_a_foreground_finds_no_other_background(scene: Any) -> None:
    masks = scene.masks.clone()
    masks[1:] = False
    made = replace_backgrounds(scene.images, masks, RANDOM, scene.backgrounds)
    assert not made.replaced.any()
    assert torch.equal(made.images, scene.images)


@pytest.mark.parametrize(
    "scale", [lambda x: x.float(), lambda x: (x.float() / 255 - 0.45) / 0.22], ids=["levels", "normalized"]
)
def test_grays_are_not_drawn_among_floats_of_another_range(scene: Any, scale: Any) -> None:
    images, masks, behind = scene
    with pytest.raises(UsageError, match="the values of floating images reach from"):
        replace_backgrounds(scale(images), masks, RM)
    made = replace_backgrounds(scale(images), masks, RANDOM, scale(behind))
    assert made.replaced.any(), "backgrounds of the images' own range stand behind them in any"
    beyond = images.float() / 255 * 1.6 - 0.3  # as after a bicubic filter
    assert replace_backgrounds(beyond, masks, RM).images.shape == images.shape


def test_what_does_not_fit_is_refused(scene: Any) -> None:
    images, masks, behind = scene
    with pytest.raises(UsageError, match=r"do not go with backgrounds of shape \(3, 3, 24, 32\)"):
        replace_backgrounds(images, masks, RANDOM, behind[:3])
    with pytest.raises(UsageError, match="ndarray is no tensor"):
        replace_backgrounds(images.numpy(), masks, RM)
    with pytest.raises(UsageError, match="none were given"):
        replace_backgrounds(images, masks, RANDOM)
    with pytest.raises(UsageError, match="do not go with masks"):
        replace_backgrounds(images, masks[:, :, :-1], RM)
    with pytest.raises(UsageError, match="how sure they are"):
        replace_backgrounds(images, masks, Background(replace="grey", p=1.0, min_confidence=0.5))
    with pytest.raises(UsageError, match="no value above 1"):
        replace_backgrounds(images, masks.to(torch.uint8), RM)
    with pytest.raises(UsageError, match=r"torch.int64"):
        replace_backgrounds(images, masks.long(), RM)
    with pytest.raises(UsageError, match="reach from 0 to 255"):
        compose(images, behind, masks * 255.0)
    with pytest.raises(UsageError, match="and backgrounds"):
        compose(images, behind.float(), masks)
    with pytest.raises(UsageError, match="have the shape"):
        compose(images[0], behind[0], masks[0])
