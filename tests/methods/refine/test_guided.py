"""The guided refinement: what a guided filter of any size must keep, and that it finds edges."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.methods.refine.guided import refine_guided


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3), (401, 399), (900, 700)])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_mask_stays(shape: tuple[int, int], value: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    found = refine_guided(image, np.full(shape, value, np.float32))
    assert found.shape == shape
    assert found.dtype == np.float32
    assert np.allclose(found, value, atol=2e-3)


@pytest.mark.parametrize("size", [300, 1200])
def test_a_step_a_little_beside_an_edge_moves_onto_it(size: int) -> None:
    image = np.full((size, size, 3), 60, np.uint8)
    image[:, size // 2 :] = (200, 180, 90)
    mask = np.zeros((size, size), np.float32)
    mask[:, size // 2 + size // 100 :] = 1
    found = refine_guided(image, mask)
    steps = np.diff(found[size // 3 : -size // 3], axis=1)
    assert np.abs(steps.argmax(axis=1) - (size // 2 - 1)).max() <= size // 400
    assert steps.max() > 0.3
