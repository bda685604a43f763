"""Mean field inference against the dense sums it approximates, and what it does to masks."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.refine.crf import DEEPUSPS, DEFAULT, Kernels, mean_field, refine_crf
from maskgen.types import RGB, HardMask, SoftMask


def smooth(raw: NDArray[np.float64], sigma: float) -> SoftMask:
    blurred = np.asarray(cv2.GaussianBlur(raw.astype(np.float32), (0, 0), sigma))
    return (blurred - blurred.min()) / np.ptp(blurred)


def scene(seed: int, shape: tuple[int, int] = (27, 32)) -> tuple[RGB, SoftMask]:
    rng = np.random.default_rng(seed)
    return (255 * smooth(rng.random((*shape, 3)), 2)).astype(np.uint8), smooth(rng.random(shape), 2)


def logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def dense_kernel(features: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel = np.exp(-0.5 * np.square(features[:, None] - features[None]).sum(axis=-1))
    scale = 1 / np.sqrt(kernel.sum(axis=1))
    return scale[:, None] * kernel * scale


def dense_mean_field(unary: NDArray[np.float64], image: RGB, kernels: Kernels) -> NDArray[np.float64]:
    """Algorithm 1 of the paper with two explicit labels and all pairs of pixels."""
    height, width = unary.shape
    side = max(height, width)
    place = np.array([(y, x) for y in range(height) for x in range(width)], float) / side
    color = image.reshape(-1, 3) / kernels.color_sigma
    pairs = kernels.place_weight * dense_kernel(place / kernels.place_sigma)
    pairs += kernels.appearance_weight * dense_kernel(
        np.concatenate([place / kernels.appearance_sigma, color], axis=1)
    )
    energies = np.stack([np.zeros(unary.size), -unary.ravel()])  # background, foreground
    belief = np.exp(-energies) / np.exp(-energies).sum(axis=0)
    for _ in range(kernels.iterations):
        disagreement = np.stack([pairs @ belief[1], pairs @ belief[0]])
        total = np.exp(-energies - disagreement)
        belief = total / total.sum(axis=0)
    return belief[1].reshape(height, width)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kernels", [DEFAULT, DEEPUSPS], ids=["default", "deepusps"])
def test_inference_is_close_to_the_dense_sums(seed: int, kernels: Kernels) -> None:
    kernels = replace(kernels, place_sigma=0.05)
    image, mask = scene(seed)
    unary = (8 * (mask - 0.5)).astype(np.float32)
    exact = dense_mean_field(unary.astype(float), image, kernels)
    found = logistic(unary + mean_field(unary, image, kernels))
    moved = np.abs(exact - logistic(unary.astype(float))).mean()
    assert np.abs(found - exact).mean() < 0.15 * moved
    assert np.mean((found > 0.5) != (exact > 0.5)) < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_without_color_kernel_the_inference_is_exact_inside(seed: int) -> None:
    kernels = Kernels(place_sigma=0.06, place_weight=2.0, appearance_weight=0.0, iterations=3)
    image, mask = scene(seed)
    unary = (6 * (mask - 0.5)).astype(np.float32)
    exact = dense_mean_field(unary.astype(float), image, kernels)
    assert np.abs(logistic(unary + mean_field(unary, image, kernels)) - exact).max() < 0.02


def test_without_kernels_the_mask_comes_back() -> None:
    image, mask = scene(0, (301, 417))
    off = Kernels(place_weight=0, appearance_weight=0)
    assert np.abs(refine_crf(image, mask, 0.3, off) - mask).max() < 1.1e-3


def test_a_mask_and_its_threshold_move_together() -> None:
    image, mask = scene(1)
    inside = np.clip(mask, 0.05, 0.95)
    odds = inside / (1 - inside) * (0.25 / 0.75)  # the same mask on a scale where an even bet is .25
    low = (odds / (1 + odds)).astype(np.float32)
    plain, shifted = refine_crf(image, inside), refine_crf(image, low, 0.25)
    certain = np.abs(plain - 0.5) > 1e-3
    assert np.array_equal((plain > 0.5)[certain], (shifted > 0.25)[certain])


def overlap(a: HardMask, b: HardMask) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_ragged_mask_finds_the_edge_of_a_disc() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:240, :320]
    disc = np.hypot(y - 120, x - 150) < 60
    image = np.where(disc[..., None], np.uint8([200, 60, 40]), np.uint8([90, 120, 90])).astype(np.int64)
    image = np.clip(image + rng.integers(-8, 9, image.shape), 0, 255).astype(np.uint8)
    mask = np.clip(
        0.2 + 0.6 * (np.hypot(y - 128, x - 143) < 58) + 0.5 * (smooth(rng.random(y.shape), 4) - 0.5), 0, 1
    )
    before, after = overlap(mask > 0.5, disc), overlap(refine_crf(image, mask.astype(np.float32)) > 0.5, disc)
    assert before < 0.8
    assert after > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3), (401, 399), (3, 2000)])
@pytest.mark.parametrize("value", [0.0, 1.0, None])
def test_any_size_gives_a_finite_mask(shape: tuple[int, int], value: float | None) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    mask = rng.random(shape).astype(np.float32) if value is None else np.full(shape, value, np.float32)
    found = refine_crf(image, mask)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    if value is not None:
        assert np.abs(found - value).max() < 0.01
