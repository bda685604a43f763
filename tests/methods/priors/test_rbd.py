"""Each equation of RBD against its plain definition on small graphs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.priors.rbd import boundary_connectivity, color_scales, optimize, rbd, weighted_contrast
from maskgen.methods.superpixels.graph import distances, two_hop

N = 14


def symmetric(seed: int, scale: float) -> NDArray[np.float64]:
    raw = scale * np.random.default_rng(seed).random((N, N))
    matrix = (raw + raw.T) / 2
    np.fill_diagonal(matrix, 0)
    return matrix


def ring() -> NDArray[np.bool_]:
    step = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    return (step == 1) | (step == N - 1)


def cut_gaussian(distance: float, sigma: float) -> float:
    return float(np.exp(-(distance**2) / (2 * sigma**2))) if distance <= 3 * sigma else 0.0


@pytest.mark.parametrize("seed", range(4))
def test_scales_are_the_mean_nearest_and_the_largest_differences(seed: int) -> None:
    color, neighbors = symmetric(seed, 60), ring()
    near = two_hop(neighbors)
    nearest = np.mean([min(color[i, j] for j in range(N) if neighbors[i, j]) for i in range(N)])
    clip = np.mean([min(color[i, j] for j in range(N) if near[i, j]) for i in range(N)])
    largest = max(color[i, j] for i in range(N) for j in range(N) if neighbors[i, j])  # 1 % of 14 edges: one
    scales = color_scales(color, neighbors, near)
    assert scales.clip == pytest.approx(clip)
    assert scales.geodesic == pytest.approx(max(5, min(10, 3 * nearest, largest / 10)))
    assert scales.neighbor == pytest.approx(min(3 * nearest, 0.2 * largest, 20))


@pytest.mark.parametrize("seed", range(4))
def test_boundary_connectivity_is_border_length_over_root_area(seed: int) -> None:
    geodesic = symmetric(seed, 40)
    geodesic[geodesic > 30] = np.inf
    border = np.arange(N) < 5
    expected = []
    for i in range(N):
        area = sum(cut_gaussian(geodesic[i, j], 7.0) for j in range(N))
        length = sum(cut_gaussian(geodesic[i, j], 7.0) for j in range(N) if border[j])
        expected.append(length / area**0.5)
    assert np.allclose(boundary_connectivity(geodesic, border, 7.0), expected)


def test_boundary_connectivity_of_whole_regions_worked_by_hand() -> None:
    geodesic = np.where(np.equal.outer(np.arange(10) < 4, np.arange(10) < 4), 0.0, np.inf)
    border = np.isin(np.arange(10), [0, 5, 6, 7])
    expected = np.where(np.arange(10) < 4, 1 / 4**0.5, 3 / 6**0.5)
    assert np.allclose(boundary_connectivity(geodesic, border, 7.0), expected)


@pytest.mark.parametrize("seed", range(6))
def test_contrast_sums_near_background_and_drops_the_lower_otsu_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    color, space, background = symmetric(seed, 60), distances(rng.random((N, 2))), rng.random(N)
    raw = np.array(
        [
            sum(color[i, j] * cut_gaussian(space[i, j], 0.4) * background[j] for j in range(N))
            for i in range(N)
        ]
    )
    raw = (raw - raw.min()) / (raw.max() - raw.min())
    splits = {}
    for low in np.unique(raw)[:-1]:  # Otsu: the split with the largest variance between the classes
        below, above = raw[raw <= low], raw[raw > low]
        splits[low] = below.size * above.size * (above.mean() - below.mean()) ** 2
    expected = np.where(raw <= max(splits, key=lambda low: splits[low]), 0, raw)
    assert np.allclose(weighted_contrast(color, space, background), expected)


@pytest.mark.parametrize("seed", range(4))
def test_optimize_solves_the_least_squares_problem(seed: int) -> None:
    rng = np.random.default_rng(seed)
    background, foreground, smooth = 1000 * rng.random(N) ** 8, rng.random(N), symmetric(seed, 1)
    foreground[rng.random(N) < 0.5] = 0
    rows = [np.sqrt(background)[:, None] * np.eye(N), np.sqrt(foreground)[:, None] * np.eye(N)]
    wanted = [np.zeros(N), np.sqrt(foreground)]
    for i in range(N):
        for j in range(i):
            row = np.zeros((1, N))
            row[0, i], row[0, j] = smooth[i, j] ** 0.5, -(smooth[i, j] ** 0.5)
            rows.append(row)
            wanted.append(np.zeros(1))
    expected = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)[0]
    assert np.allclose(optimize(background, foreground, smooth), expected)


def test_a_region_that_runs_along_the_border_is_background() -> None:
    image = np.full((240, 320, 3), (120, 150, 170), np.uint8)
    image[150:] = (60, 110, 50)  # a ground as large as the sky: contrast alone would mark one of them
    image[90:190, 130:190] = (200, 40, 40)
    mask = rbd(image)
    assert mask[100:180, 140:180].min() > 0.9
    assert mask[:60].max() < 0.1
    assert mask[200:].max() < 0.1
