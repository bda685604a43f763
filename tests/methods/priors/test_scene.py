"""The working size, the shared segmentations and the way back, against their contract."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from maskgen.methods.priors.scene import prepare, restore, shrink
from maskgen.methods.superpixels.slic import segment
from maskgen.types import RGB


def texture(height: int, width: int, seed: int = 0) -> RGB:
    """Mid-gray noise: no line of it is an edge."""
    return np.random.default_rng(seed).integers(90, 150, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "working"),
    [
        ((300, 400), (300, 400)),
        ((4000, 3000), (400, 300)),
        ((401, 7), (400, 7)),
        ((1, 8000), (1, 400)),
        ((5, 9), (5, 9)),
    ],
)
def test_only_larger_photos_are_shrunk(shape: tuple[int, int], working: tuple[int, int]) -> None:
    assert shrink(np.full((*shape, 3), 50, np.uint8), 400).shape == (*working, 3)


def test_shrinking_averages_areas() -> None:
    image = texture(800, 600)
    expected = image.reshape(400, 2, 300, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrink(image, 400) - expected).max() <= 0.5


def test_a_segmentation_is_made_once_and_cannot_be_changed() -> None:
    scene = prepare(texture(120, 160))
    labels = scene.labels(50)
    assert np.array_equal(labels, segment(scene.image, 50))
    assert scene.labels(50) is labels
    assert not np.array_equal(scene.labels(80), labels)
    assert not np.array_equal(scene.labels(50, 60.0), labels)
    with pytest.raises(ValueError, match="read-only"):
        labels[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.image = scene.photo  # type: ignore[misc]


@pytest.mark.parametrize(
    ("shape", "expected"), [((300, 400), 300), ((400, 300), 300), ((64, 64), 400), ((10, 400), 10)]
)
def test_twenty_along_the_long_side_are_as_many_at_every_size(shape: tuple[int, int], expected: int) -> None:
    assert prepare(texture(*shape)).count_along(20) == expected
    assert prepare(texture(shape[0] * 2, shape[1] * 2)).count_along(20) == expected


def test_the_map_comes_back_at_the_photos_size_with_an_empty_frame() -> None:
    image = np.pad(texture(1440, 1960), ((80, 80), (80, 80), (0, 0)))
    scene = prepare(image)
    assert all(
        0 <= whole - 2 * 15 - part <= 4 for whole, part in zip((302, 400), scene.image.shape[:2], strict=True)
    )
    mask = restore(scene, np.ones(scene.image.shape[:2]))
    assert mask.shape == image.shape[:2]
    assert mask.dtype == np.float32
    assert not mask[:70].any()
    assert not mask[:, -70:].any()
    assert mask[90:-90, 90:-90].min() > 0.999


@pytest.mark.parametrize("factor", [1, 3])
def test_the_map_takes_on_the_photos_edges(factor: int) -> None:
    y, x = np.mgrid[: 240 * factor, : 320 * factor]
    disc = np.hypot(y - 120 * factor, x - 160 * factor) < 70 * factor
    photo = np.where(disc[..., None], np.uint8([200, 60, 40]), np.uint8([90, 120, 90]))
    scene = prepare(photo)
    height, width = scene.image.shape[:2]
    small = cv2.resize(disc.astype(np.float32), (width // 12, height // 12), interpolation=cv2.INTER_AREA)
    blocks = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    plain = cv2.resize(blocks, (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_LINEAR)
    found = restore(scene, blocks.astype(np.float64))
    assert np.mean((found > 0.5) != disc) < 0.5 * np.mean((plain > 0.5) != disc)
