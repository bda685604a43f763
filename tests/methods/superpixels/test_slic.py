"""SLIC against loops over pixels, a flood fill, and scikit-image's own."""

from __future__ import annotations

import itertools
import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.segmentation import slic

from maskgen.methods.superpixels.slic import (
    Grid,
    assign,
    cell_features,
    cluster,
    connected_pieces,
    join_small_pieces,
    neighbor_cells,
    seed_grid,
    segment,
)
from maskgen.types import RGB


def blotches(height: int, width: int, seed: int = 0) -> RGB:
    """A smooth colorful picture with texture that uses the whole range 0..255."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (12, 12, 0))
    picture = smooth / smooth.std() + 0.15 * rng.normal(size=smooth.shape)
    low, high = picture.min(), picture.max()
    return np.rint(255 * (picture - low) / (high - low)).astype(np.uint8)


def explained(image: RGB, labels: NDArray[np.int32]) -> float:
    """Share of the color variance that lies between superpixels."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    size = np.bincount(labels.ravel())
    means = np.stack([np.bincount(labels.ravel(), lab[:, c]) / size for c in range(3)], axis=1)
    return float(
        np.square(means[labels.ravel()] - lab.mean(axis=0)).sum() / np.square(lab - lab.mean(axis=0)).sum()
    )


@pytest.mark.slow
@pytest.mark.parametrize("count", [60, 150, 300])
def test_superpixels_explain_the_colors_as_well_as_scikit_images(count: int) -> None:
    image = blotches(300, 400, seed=1)
    peer = slic(image, count, 20, max_num_iter=10, sigma=0, start_label=0, min_size_factor=0.25)
    ours = segment(image, count)
    squares = np.arange(300)[:, None] * 11 // 300 * 15 + np.arange(400) * 15 // 400
    assert abs(int(ours.max()) - int(peer.max())) <= 0.12 * count
    assert explained(image, ours) > explained(image, peer) - 0.01
    assert explained(image, segment(image, 165)) > explained(image, squares.astype(np.int32)) + 0.01


@pytest.mark.slow
def test_compactness_trades_color_for_shape() -> None:
    image = blotches(240, 320, seed=2)
    shares = [explained(image, segment(image, 100, compactness)) for compactness in (5, 20, 80)]
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.parametrize(
    ("shape", "count", "expected"),
    [
        ((300, 400), 200, (12, 16)),  # as the release lays them: 24 px apart
        ((300, 400), 300, (15, 20)),
        ((375, 500), 312, (15, 20)),
        ((1, 400), 20, (1, 20)),
        ((400, 1), 50, (50, 1)),
        ((3, 400), 20, (1, 20)),
    ],
)
def test_seeds_are_equally_far_apart(shape: tuple[int, int], count: int, expected: tuple[int, int]) -> None:
    grid = seed_grid(*shape, count)
    assert (grid.rows, grid.columns) == expected
    assert 1 <= grid.cell_px <= min(shape[0] // grid.rows, shape[1] // grid.columns)


def brute_nearest(
    features: NDArray[np.float32], centers: NDArray[np.float64], grid: Grid
) -> NDArray[np.int64]:
    """The nearest center within one cell, by the distance itself, pixel by pixel."""
    cells = [(row, column) for row in range(grid.rows) for column in range(grid.columns)]
    labels = np.empty((len(cells), features.shape[2]), np.int64)
    for cell, pixel in itertools.product(range(len(cells)), range(features.shape[2])):
        near = [
            (float(np.square(features[cell, :5, pixel] - centers[other]).sum()), other)
            for other, place in enumerate(cells)
            if max(abs(place[0] - cells[cell][0]), abs(place[1] - cells[cell][1])) <= 1
        ]
        labels[cell, pixel] = min(near)[1]
    return labels


@pytest.mark.slow
def test_clustering_is_k_means_over_neighboring_cells() -> None:
    image = blotches(40, 60, seed=3)
    grid = seed_grid(40, 60, 24)
    features = cell_features(image, grid, 20)
    assert features.shape == (24, 6, grid.cell_px**2)
    centers = features[:, :5].mean(axis=2).astype(np.float64)
    first = assign(features, centers.astype(np.float32), neighbor_cells(grid))
    assert np.array_equal(first, brute_nearest(features, centers, grid))
    labels = first
    for _ in range(3):
        members = [features[:, :5].transpose(0, 2, 1)[labels == cell] for cell in range(24)]
        centers = np.stack([m.mean(axis=0) if len(m) else c for m, c in zip(members, centers, strict=True)])
        labels = brute_nearest(features, centers, grid)
    assert not np.array_equal(labels, first)
    assert (cluster(features, neighbor_cells(grid), 4) == labels).mean() > 0.995  # float32 against float64


def test_place_is_measured_in_seed_distances() -> None:
    features = cell_features(np.full((60, 80, 3), 99, np.uint8), seed_grid(60, 80, 48), 20)
    by_cell = features[:, 3:5].mean(axis=2).reshape(6, 8, 2)
    assert np.allclose(np.diff(by_cell[..., 0], axis=0), 20)
    assert np.allclose(np.diff(by_cell[..., 1], axis=1), 20)
    assert (features[:, 5] == 1).all()


def brute_join(labels: NDArray[np.int32], area: int) -> NDArray[np.int32]:
    """Flood fill in reading order; a small piece takes the label above or left of its first pixel."""
    height, width = labels.shape
    found = np.full(labels.shape, -1)
    for y, x in itertools.product(range(height), range(width)):
        if found[y, x] >= 0:
            continue
        mark, piece, seen = found.max() + 1, [(y, x)], {(y, x)}
        for py, px in piece:
            for qy, qx in ((py - 1, px), (py + 1, px), (py, px - 1), (py, px + 1)):
                inside = 0 <= qy < height and 0 <= qx < width and (qy, qx) not in seen
                if inside and labels[qy, qx] == labels[y, x]:
                    seen.add((qy, qx))
                    piece.append((qy, qx))
        if len(piece) <= area and (y, x) != (0, 0):
            mark = found[y - 1, x] if y else found[y, x - 1]
        for place in piece:
            found[place] = mark
    return np.unique(found, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)


@pytest.mark.parametrize("seed", range(6))
def test_small_pieces_join_the_one_above_or_left(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, (14, 17)).astype(np.int32)
    found, expected = join_small_pieces(labels, 4), brute_join(labels, 4)
    pairs = set(zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(expected)) == len(np.unique(found))  # equal up to the numbering


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (31, 40), (200, 301)])
@pytest.mark.parametrize("colors", [1, 2, 3, 40])
def test_pieces_are_numbered_as_scikit_image_numbers_them(shape: tuple[int, int], colors: int) -> None:
    rng = np.random.default_rng(colors)
    fine = rng.integers(0, colors, shape).astype(np.int32)
    coarse = cv2.resize(rng.integers(0, colors, (7, 9)).astype(np.int16), shape[::-1], interpolation=0)
    for labels in (fine, coarse.reshape(shape).astype(np.int32)):
        found = connected_pieces(labels)
        assert found.dtype == np.int32
        assert np.array_equal(found, label(labels, connectivity=1, background=-1) - 1)  # type: ignore[no-untyped-call]


def test_superpixels_need_no_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*(name for name in sys.modules if name.partition(".")[0] == "skimage"), "skimage"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert segment(blotches(40, 60), 10).max() > 3


@pytest.mark.parametrize(
    ("shape", "count"), [((100, 150), 25), ((90, 31), 200), ((1, 400), 20), ((400, 1), 200), ((64, 64), 300)]
)
def test_superpixels_are_numbered_without_gaps_and_in_one_piece(shape: tuple[int, int], count: int) -> None:
    labels = segment(blotches(*shape, seed=1), count)
    assert labels.shape == shape
    assert labels.dtype == np.int32
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert all(ndimage.label(labels == label)[1] == 1 for label in range(labels.max() + 1))


def test_fewer_pixels_than_superpixels_get_one_each() -> None:
    assert segment(blotches(4, 5), 3).tolist() == np.arange(20).reshape(4, 5).tolist()
