"""What is read from superpixels, against loops over pixels and published color values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import rgb2lab

from maskgen.methods.superpixels.features import border_members, mean_lab, mean_over, mean_position, members
from maskgen.types import RGB


def blotches(height: int, width: int, seed: int = 0) -> RGB:
    """A smooth colorful picture with texture that uses the whole range 0..255."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (12, 12, 0))
    picture = smooth / smooth.std() + 0.15 * rng.normal(size=smooth.shape)
    low, high = picture.min(), picture.max()
    return np.rint(255 * (picture - low) / (high - low)).astype(np.uint8)


def test_color_is_the_lab_of_the_mean_and_place_is_the_centroid() -> None:
    image = blotches(40, 60, seed=2)
    labels = np.random.default_rng(0).integers(0, 7, (40, 60)).astype(np.int32)
    lab, position = mean_lab(image, labels), mean_position(labels)
    for label in range(7):
        rows, columns = np.nonzero(labels == label)
        mean = image[rows, columns].astype(float).mean(axis=0) / 255
        assert np.allclose(lab[label], rgb2lab(mean[None, None])[0, 0], atol=0.5)
        assert np.allclose(position[label], (rows.mean() / 40, columns.mean() / 60))


def test_known_colors_have_their_published_lab_values() -> None:
    image = np.array([[[255, 255, 255], [255, 0, 0], [0, 0, 255], [0, 0, 0]]], np.uint8)
    found = mean_lab(image, np.arange(4, dtype=np.int32)[None])
    assert np.allclose(found, [[100, 0, 0], [53.2, 80.1, 67.2], [32.3, 79.2, -107.9], [0, 0, 0]], atol=0.5)


@pytest.mark.parametrize("band", [1, 3, 8])
def test_border_members_are_the_labels_within_the_band(band: int) -> None:
    labels = (np.arange(30)[:, None] // 4 * 10 + np.arange(40) // 4).astype(np.int32)
    expected = {int(labels[y, x]) for y in range(30) for x in range(40) if min(y, x, 29 - y, 39 - x) < band}
    found = border_members(labels, 80, band)
    assert found.shape == (80,)
    assert set(np.flatnonzero(found)) == expected


def test_members_lists_the_labels_of_a_region() -> None:
    assert members(np.array([[3, 0], [3, 3]], np.int32), 5).tolist() == [True, False, False, True, False]


def test_mean_over_is_the_mean_of_each_superpixels_pixels() -> None:
    values = np.random.default_rng(3).random((20, 30, 5)).astype(np.float32)
    labels = np.random.default_rng(4).integers(0, 6, (20, 30)).astype(np.int32)
    expected = [values[labels == label].mean(axis=0) for label in range(6)]
    assert np.allclose(mean_over(values, labels), expected, rtol=1e-5)
