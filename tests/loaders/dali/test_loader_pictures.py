"""What the DALI loader shows: drawings, whose pixels tell where they came from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from epochs import make

from maskgen.loaders import NO_PHOTOMETRIC, Background, Crop, Photometric, View


def truth_in_view(mask: np.ndarray[Any, Any], box: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """The drawn mask at the center of each of the view's pixels."""
    steps = (np.arange(size) + 0.5) / size
    rows = np.minimum(((box[0] + steps * box[2]) * mask.shape[0]).astype(int), mask.shape[0] - 1)
    columns = np.minimum(((box[1] + steps * box[3]) * mask.shape[1]).astype(int), mask.shape[1] - 1)
    return mask[rows][:, columns] >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("operators", [False, True])
def test_view_shows_the_part_of_the_photo_in_its_box(drawn: Any, operators: bool) -> None:
    size, steps, inner = 96, (np.arange(96) + 0.5) / 96, slice(3, -3)  # the gradients end at the border
    plain = View(size=size, photometric=NO_PHOTOMETRIC, crop=Crop(scale=(0.2, 0.6)))
    for batch in make(drawn.path, 7, recipe=(plain,), operators=operators):
        for row in range(7):
            y, x, height, width = batch["boxes"][row, 0].numpy()
            image = batch["views"][0][row].numpy().astype(int)
            across = steps[::-1] if batch["flips"][row, 0] else steps
            assert np.abs(image[1][:, inner].mean(axis=0) - 255 * (x + across * width)[inner]).max() < 5
            assert np.abs(image[2][inner].mean(axis=1) - 255 * (y + steps * height)[inner]).max() < 5


@pytest.mark.slow
@pytest.mark.parametrize("operators", [False, True])
@pytest.mark.parametrize("options", [{}, {"binary": True}, {"threshold": 0.2}, {"mask_side": 80}])
def test_mask_is_that_of_the_view(builder: Any, options: dict[str, Any], operators: bool) -> None:
    built = builder(samples=12, options=options)
    shown = View(size=96, photometric=NO_PHOTOMETRIC, masks=True)
    shares = []
    for batch in make(built.path, 4, recipe=(shown,), operators=operators):
        assert batch["masks"] is not None
        for row, key in enumerate(batch["key"]):
            drawing, mask = built.by_key(key), batch["masks"][0]
            assert mask is not None
            seen = mask[row, 0].numpy()
            assert set(np.unique(seen)) <= {0, 255}
            soft = (drawing.mask >= options.get("threshold", 0.5)).astype(float)
            truth = truth_in_view(soft, batch["boxes"][row, 0].numpy().astype(float), 96)
            truth = truth[:, ::-1] if batch["flips"][row, 0] else truth
            if truth.sum() > 300:
                shares.append(((seen > 0) & truth).sum() / ((seen > 0) | truth).sum())
    assert len(shares) > 6
    assert min(shares) > 0.9


def test_photo_without_foreground_keeps_its_background(drawn: Any) -> None:
    recipe = (View(size=16, crop=Crop(fg_min=1.0), background=Background(replace="grey", p=1.0)),)
    batches = list(make(drawn.path, 21, recipe=recipe))
    kept = [
        key
        for batch in batches
        for key, kind in zip(batch["key"], batch["replaced"][:, 0], strict=True)
        if not kind
    ]
    assert kept == ["s0004"]


def test_photometric_of_a_recipe_is_applied(drawn: Any) -> None:
    """Saturation 0 leaves gray, up to the three digits of DALI's color matrix."""
    gray = View(size=48, photometric=Photometric(jitter_p=0.0, gray_p=1.0, blur_p=0.0))
    for batch in make(drawn.path, recipe=(gray,)):
        channels = batch["views"][0].float()
        assert (channels.amax(dim=1) - channels.amin(dim=1)).max() <= 2
