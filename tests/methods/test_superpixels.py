"""Superpixels against scikit-image's own SLIC, loops over pixels and connected components."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.segmentation import slic

from maskgen.methods.superpixels import border_members, mean_lab, mean_position, members, segment
from maskgen.types import RGB


def blotches(height: int, width: int, seed: int = 0) -> RGB:
    """A smooth colourful picture with texture that uses the whole range 0..255."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (12, 12, 0))
    picture = smooth / smooth.std() + 0.15 * rng.normal(size=smooth.shape)
    low, high = picture.min(), picture.max()
    return np.rint(255 * (picture - low) / (high - low)).astype(np.uint8)


def test_segment_is_scikit_images_slic_where_that_does_not_stretch_the_photo() -> None:
    image = blotches(150, 220, seed=1)

    def agreement(compactness: float) -> float:
        peer = slic(image, 55, compactness, max_num_iter=10, sigma=0, start_label=0, min_size_factor=0.25)
        return float((segment(image, 55) == peer).mean())

    # OpenCV's CIELAB is within 0.4 of scikit-image's, so some boundary pixels move.
    assert agreement(20) > 0.9
    assert max(agreement(15), agreement(27)) < 0.8


def test_segment_does_not_depend_on_the_photos_own_range() -> None:
    image = (blotches(120, 160) // 8 + 100).astype(np.uint8)
    plain = segment(image, 40)
    with_extremes = image.copy()
    with_extremes[0, 0], with_extremes[0, 1] = 0, 255
    assert (plain == segment(with_extremes, 40)).mean() > 0.95


@pytest.mark.parametrize(
    ("shape", "count"), [((100, 150), 25), ((90, 31), 200), ((1, 400), 20), ((400, 1), 200)]
)
def test_superpixels_are_numbered_without_gaps_and_in_one_piece(shape: tuple[int, int], count: int) -> None:
    labels = segment(blotches(*shape, seed=1), count)
    assert labels.shape == shape
    assert labels.dtype == np.int32
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert all(ndimage.label(labels == label)[1] == 1 for label in range(labels.max() + 1))


def test_fewer_pixels_than_superpixels_get_one_each() -> None:
    assert segment(blotches(4, 5), 3).tolist() == np.arange(20).reshape(4, 5).tolist()


def test_colour_is_the_lab_of_the_mean_and_place_is_the_centroid() -> None:
    image = blotches(40, 60, seed=2)
    labels = np.random.default_rng(0).integers(0, 7, (40, 60)).astype(np.int32)
    lab, position = mean_lab(image, labels), mean_position(labels)
    for label in range(7):
        rows, columns = np.nonzero(labels == label)
        mean = image[rows, columns].astype(float).mean(axis=0) / 255
        assert np.allclose(lab[label], rgb2lab(mean[None, None])[0, 0], atol=0.5)
        assert np.allclose(position[label], (rows.mean() / 40, columns.mean() / 60))


def test_known_colours_have_their_published_lab_values() -> None:
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
