"""Corrupted masks against scipy, brute force and areas by hand."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from maskgen.loaders.reading.buffers import Small
from maskgen.loaders.recipes.parts import Corruption
from maskgen.loaders.sampling.corruption import corrupt, corrupt_each
from maskgen.loaders.sampling.uniforms import uniforms
from maskgen.shards.coverage import foreground_box, small_mask, summed_area_table
from maskgen.shards.meta import META

LEVEL, SEED, EPOCH = 128, 2, 3


@lru_cache
def masks(count: int, *, size: tuple[int, int] = (200, 300)) -> Small:
    """Off-center ellipses in photos of one size."""
    rng = np.random.default_rng(0)
    full = []
    for _ in range(count):
        y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
        center, radius = rng.uniform(0.4, 0.6, 2), rng.uniform(0.08, 0.2, 2)
        reach = np.hypot((y / size[0] - center[0]) / radius[0], (x / size[1] - center[1]) / radius[1])
        full.append(np.where(reach <= 1, np.uint8(255), np.uint8(0)))
    meta = np.zeros(count, META)
    meta["size"], meta["fg_box"] = size, [foreground_box(mask > 0) for mask in full]
    meta["fg_area_ppm"] = [round((mask > 0).mean() * 1e6) for mask in full]
    sat = np.stack([summed_area_table(mask > 0) for mask in full])
    return Small(sat, np.stack([small_mask(mask) for mask in full]), meta)


def corrupted(change: Any, amount: float, small: Small, *, epoch: int = EPOCH) -> Small:
    law = Corruption(change=change, amount=amount)
    return corrupt(law, small, np.arange(len(small.fg)), seed=SEED, epoch=epoch, level=LEVEL)


def numbers(count: int) -> NDArray[np.float64]:
    return uniforms(SEED, EPOCH, np.arange(count), 4, stream=1).astype(np.float64)


def moved(fg: NDArray[np.uint8], size: tuple[int, int], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mask turned in the photo's own pixels by scipy; `back` maps a result's (y, x) to its source's."""
    height, width = size
    y, x = np.mgrid[0:128, 0:128] + 0.5
    place = np.stack([y * height / 128 - height / 2, x * width / 128 - width / 2]).reshape(2, -1)
    source = back @ place
    rows, columns = source[0] * 128 / height + 64 - 0.5, source[1] * 128 / width + 64 - 0.5
    values = ndimage.map_coordinates(fg.astype(float), [rows, columns], order=1)
    return np.asarray(values.reshape(128, 128))


def test_rotation_is_that_of_the_photo_not_of_the_square() -> None:
    small = masks(12)
    found = corrupted("rotate", 25.0, small)
    for row, u in enumerate(numbers(12)[:, 0]):
        angle = np.deg2rad(25 * (2 * u - 1))
        back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        expected = moved(small.fg[row], (200, 300), back)
        assert np.abs(found.fg[row] - expected).mean() < 0.6
        assert ((found.fg[row] >= LEVEL) != (expected >= LEVEL)).mean() < 0.002
    assert np.abs(found.meta["fg_area_ppm"] / small.meta["fg_area_ppm"] - 1).max() < 0.05, (
        "a turn keeps the area"
    )


def test_shear_is_that_of_the_photo() -> None:
    small = masks(12)
    found = corrupted("shear", 20.0, small)
    for row, u in enumerate(numbers(12)):
        along_x, along_y = np.tan(np.deg2rad(20 * (2 * u[:2] - 1)))
        back = np.linalg.inv([[1, along_y], [along_x, 1]])  # y, x
        expected = moved(small.fg[row], (200, 300), back)
        assert ((found.fg[row] >= LEVEL) != (expected >= LEVEL)).mean() < 0.002


def test_translation_is_in_units_of_the_foregrounds_box() -> None:
    small = masks(40)
    found = corrupted("translate", 0.25, small)
    u = numbers(40)
    for row in range(40):
        y0, x0, y1, x1 = small.meta["fg_box"][row]
        by = 0.25 * (2 * u[row, :2] - 1) * (y1 - y0, x1 - x0)
        before, after = (ndimage.center_of_mass(part.fg[row]) for part in (small, found))
        step = (np.array(after) - before) * (200 / 128, 300 / 128)
        np.testing.assert_allclose(step, by, atol=0.35)


@pytest.mark.slow
def test_flips() -> None:
    small = masks(300)
    found = corrupted("flip", 0.5, small)
    turned = (found.fg == small.fg[:, :, ::-1]).all(axis=(1, 2)) & (found.fg != small.fg).any(axis=(1, 2))
    assert stats.binomtest(int(turned.sum()), 300, 0.5).pvalue > 1e-3
    np.testing.assert_array_equal(found.fg[~turned], small.fg[~turned])
    assert (corrupted("flip", 1.0, small).fg == small.fg[:, :, ::-1]).all()
    assert (corrupted("flip", 0.0, small).fg == small.fg).all()


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.5, 1.0])
def test_random_points_are_a_share_of_cells_anywhere(amount: float) -> None:
    count = 200
    fg = corrupted("random_points", amount, masks(count)).fg
    assert set(np.unique(fg)) <= {0, 255}
    assert ((fg > 0).sum(axis=(1, 2)) == round(amount * 128**2)).all()
    if not 0 < amount < 1:
        return
    hits = (fg > 0).sum(axis=0).ravel()
    spread = hits.var() / (count * amount * (1 - amount))
    assert abs(spread - 1) < 0.06, "binomial at each cell: 4 deviations of a variance over 16 384 of them"
    pairs = np.corrcoef((fg > 0)[:, :, 1:].ravel(), (fg > 0)[:, :, :-1].ravel())[0, 1]
    assert abs(pairs) < 0.005, "neighbors say nothing of each other"


@pytest.mark.slow
@pytest.mark.parametrize("amount", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("change", ["random_rectangle", "centred_rectangle"])
def test_rectangles_cover_their_share_of_the_photo(change: str, amount: float) -> None:
    fg = corrupted(change, amount, masks(50)).fg.astype(float)
    np.testing.assert_allclose(fg.mean(axis=(1, 2)) / 255, amount, atol=0.004)
    sides = [(fg > 0).any(axis=axis).sum(axis=1) for axis in (2, 1)]
    for row in range(50):
        inside = fg[row][np.ix_((fg[row] > 0).any(axis=1), (fg[row] > 0).any(axis=0))]
        assert (inside[1:-1, 1:-1] == 255).all(), "one filled rectangle"
    centers = np.array([ndimage.center_of_mass(mask) for mask in fg])
    if change == "centred_rectangle":
        np.testing.assert_allclose(centers, 63.5, atol=0.1)
    else:
        assert centers.std(axis=0).min() > (1 - amount) * 6
    assert np.std(sides[0] / sides[1]) > 0.02
    assert (sides[0] / sides[1]).max() < 2.2
    assert (sides[0] / sides[1]).min() > 1 / 2.2


@pytest.mark.parametrize("amount", [0.1, 0.5, 1.0])
def test_rectangles_added_and_removed_at_the_center(amount: float) -> None:
    small = masks(20)
    side = np.sqrt(amount * small.meta["fg_area_ppm"] / 1e6)
    cells = (np.arange(128) + 0.5) / 128
    near = np.abs(cells[None] - 0.5) < side[:, None] / 2
    middle = near[:, :, None] & near[:, None, :]
    for change, expected in (
        ("add_rectangle", (small.fg >= LEVEL) | middle),
        ("remove_rectangle", (small.fg >= LEVEL) & ~middle),
    ):
        found = corrupted(change, amount, small).fg >= LEVEL
        assert (found != expected).mean() < 0.004, "cells cut by the rectangle's edge may fall either way"
        assert (found != (small.fg >= LEVEL)).any(axis=(1, 2)).mean() > 0.2


def test_the_box_is_the_foregrounds_bounding_box() -> None:
    small = masks(20)
    found = corrupted("box", 0.5, small)
    for row in range(20):
        y0, x0, y1, x1 = small.meta["fg_box"][row]
        assert found.meta["fg_area_ppm"][row] == pytest.approx(
            (y1 - y0) * (x1 - x0) / (200 * 300) * 1e6, rel=0.05
        )
        np.testing.assert_allclose(found.meta["fg_box"][row], small.meta["fg_box"][row], atol=2.4)


@pytest.mark.parametrize("change", ["rotate", "translate", "random_rectangle", "remove_rectangle", "box"])
def test_tables_boxes_and_areas_follow_the_corrupted_mask(change: str) -> None:
    found = corrupted(change, 0.4, masks(10))
    for row in range(10):
        hard = found.fg[row] >= LEVEL
        np.testing.assert_array_equal(found.sat[row], summed_area_table(hard))
        assert found.meta["fg_area_ppm"][row] == round(hard.mean() * 1e6)
        y0, x0, y1, x1 = foreground_box(hard)
        scale = 200 / 128, 300 / 128
        expected = (
            int(y0 * scale[0]),
            int(x0 * scale[1]),
            -int(-y1 * scale[0] // 1),
            -int(-x1 * scale[1] // 1),
        )
        assert tuple(found.meta["fg_box"][row]) == expected
    for name in set(META.names or ()) - {"fg_box", "fg_area_ppm"}:
        np.testing.assert_array_equal(found.meta[name], masks(10).meta[name])


def test_a_mask_corrupted_to_nothing_is_a_photo_without_foreground() -> None:
    small = masks(4)
    gone = corrupted("translate", 100.0, small)
    assert not gone.fg.any()
    assert not gone.sat.any()
    assert not gone.meta["fg_box"].any()
    assert not gone.meta["fg_area_ppm"].any()
    again = corrupted("box", 0.5, gone)
    assert not again.fg.any()


def test_each_epoch_spoils_anew_and_the_batch_does_not_matter() -> None:
    small = masks(10)
    first, second = (corrupted("rotate", 25.0, small, epoch=epoch) for epoch in (0, 1))
    assert (first.fg != second.fg).any(axis=(1, 2)).all()
    some = np.array([7, 2])
    part = Small(*(field[some] for field in small))
    law = Corruption(change="rotate", amount=25.0)
    alone = corrupt(law, part, some, seed=SEED, epoch=0, level=LEVEL)
    np.testing.assert_array_equal(alone.fg, first.fg[some])


def test_each_use_of_a_mask_is_corrupted_anew() -> None:
    small = masks(6)
    law = Corruption(change="rotate", amount=25.0)
    each = corrupt_each(law, small, np.arange(6), seed=SEED, epoch=0, level=LEVEL, uses=3)
    assert each.fg.shape == (6, 3, 128, 128)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (each.fg[:, one] != each.fg[:, other]).any(axis=(1, 2)).all()
    for use in range(3):
        alone = corrupt(law, small, np.arange(6), seed=SEED, epoch=0, level=LEVEL, use=use)
        for field, part in zip(alone, each, strict=True):
            np.testing.assert_array_equal(field, part[:, use])


def test_the_given_masks_stay_as_they_are() -> None:
    small = masks(5)
    copies = [field.copy() for field in small]
    corrupted("rotate", 90.0, small)
    for field, copy in zip(small, copies, strict=True):
        np.testing.assert_array_equal(field, copy)
