"""The trimap by hand, and the cut on drawn scenes where the truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.priors.color_cut import color_cut, otsu, trimap
from maskgen.types import RGB


def best_split(values: NDArray[np.float64]) -> float:
    """Otsu's threshold by trying every level."""
    levels = np.rint(255 * values).astype(int).ravel()
    spread = {}
    for level in range(255):
        low, high = levels[levels <= level], levels[levels > level]
        if low.size and high.size:
            spread[level] = low.size * high.size * (low.mean() - high.mean()) ** 2
    return (max(spread, key=lambda level: spread[level]) + 0.5) / 255


@pytest.mark.parametrize("seed", range(5))
def test_otsu_maximizes_the_spread_between_the_classes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.clip(np.concatenate([rng.normal(0.2, 0.1, 700), rng.normal(0.7, 0.15, 300)]), 0, 1)
    assert otsu(values[None]) == pytest.approx(best_split(values), abs=1.01 / 255)


def test_the_trimap_by_hand() -> None:
    values = np.repeat([0.0, 0.05, 0.3, 0.4, 0.6, 1.0], [500, 1, 500, 500, 500, 500])[None]
    threshold = otsu(values)
    assert 0.4 < threshold < 0.6 or 0.05 < threshold < 0.3
    cuts = (threshold / 4, threshold, threshold + 0.6 * (1 - threshold))
    kinds = [cv2.GC_BGD, cv2.GC_PR_BGD, cv2.GC_PR_FGD, cv2.GC_FGD]
    expected = [kinds[sum(value > cut for cut in cuts)] for value in values[0]]
    assert trimap(values)[0].tolist() == expected


def two_colored_object() -> tuple[RGB, NDArray[np.bool_]]:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:200, :300]
    disc = np.hypot(y - 100, x - 150) < 50
    colors = np.where(
        disc[..., None], np.where((y > 100)[..., None], [200, 50, 40], [40, 60, 190]), [110, 150, 100]
    )
    return np.clip(colors + rng.integers(-10, 11, colors.shape), 0, 255).astype(np.uint8), disc


def test_the_rest_of_an_object_is_found_by_its_color() -> None:
    image, disc = two_colored_object()
    x = np.mgrid[:200, :300][1]
    weak = np.where(disc, np.where(x > 150, 0.9, 0.25), 0.02)  # the left half lies below the threshold
    assert not (weak > otsu(weak))[disc & (x < 150)].any()
    cut = color_cut(image, weak) > 0.5
    assert (cut & disc).sum() / (cut | disc).sum() > 0.97


def test_the_random_state_and_threads_of_opencv_do_not_matter() -> None:
    image, disc = two_colored_object()
    saliency = np.clip(disc * 0.6 + 0.4 * np.random.default_rng(0).random(disc.shape), 0, 1)
    threads = cv2.getNumThreads()
    found = []
    try:
        for seed, count in ((1, 1), (2, 4), (3, 2)):
            cv2.setRNGSeed(seed)
            cv2.setNumThreads(count)
            found.append(color_cut(image, saliency))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_map_with_one_side_only_stays_as_it_is(value: float) -> None:
    image, disc = two_colored_object()
    cut = color_cut(image, np.full(disc.shape, value))
    assert cut.min() == cut.max()
    assert cut.max() == (1 if value == 1 else cut.max())


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 40), (40, 1), (2, 2), (3, 7), (401, 399)])
@pytest.mark.parametrize("kind", ["noise", "plain"])
def test_any_size_is_cut(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(0)
    image = (
        rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
        if kind == "noise"
        else np.full((*shape, 3), 9, np.uint8)
    )
    cut = color_cut(image, rng.random(shape))
    assert cut.shape == shape
    assert 0 <= cut.min() <= cut.max() <= 1
