"""A mask that votes with the priors: neutral where it says what they say, heard where they are silent."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.methods.priors.scene import prepare
from maskgen.methods.priors.vote import prior_maps, vote
from maskgen.methods.refine.crf import refine_crf
from maskgen.methods.refine.vote import refine_vote
from maskgen.types import RGB


def drawn() -> RGB:
    image = np.random.default_rng(0).integers(90, 110, (160, 200, 3)).astype(np.uint8)
    image[40:110, 50:100] = (200, 60, 40)  # inside: every prior marks it
    image[:60, 150:] = (40, 60, 200)  # in the corner: none does
    return image


def corner() -> np.ndarray:
    mask = np.zeros((160, 200), np.float32)
    mask[:60, 150:] = 1
    return mask


@pytest.mark.slow
def test_a_mask_that_is_the_priors_mean_changes_nothing() -> None:
    image = drawn()
    mean = prior_maps(prepare(image)).mean(axis=0).astype(np.float32)
    assert mean.shape == image.shape[:2]
    expected = refine_crf(image, vote(image))
    np.testing.assert_allclose(refine_vote(image, mean), expected, atol=1e-3)


@pytest.mark.slow
def test_a_mask_is_one_voice_of_five() -> None:
    image = drawn()
    found = refine_vote(image, corner())
    assert found[60:90, 60:90].min() > 0.5  # the priors outvote a mask that leaves it out
    unmarked = refine_vote(image, np.zeros_like(corner()))
    assert found[:60, 150:].mean() > unmarked[:60, 150:].mean()  # heard, but not foreground on its own
    assert found[:60, 150:].max() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_the_threshold_of_the_mask_is_that_of_the_result(threshold: float) -> None:
    image, mask = drawn(), corner() * 0.8 + 0.1
    moved = np.interp(mask, (0, 0.5, 1), (0, threshold, 1)).astype(np.float32)
    expected = refine_vote(image, mask)
    found = refine_vote(image, moved, threshold)
    np.testing.assert_allclose(np.interp(found, (0, threshold, 1), (0, 0.5, 1)), expected, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (3, 90), (500, 700)])
def test_any_size(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    found = refine_vote(image, np.full(shape, 0.3, np.float32))
    assert (found.shape, found.dtype) == (shape, np.float32)
    assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.slow
def test_a_frame_stays_background() -> None:
    image = np.zeros((160, 240, 3), np.uint8)
    image[20:140, 20:220] = drawn()[20:140, :200]
    assert refine_vote(image, np.ones((160, 240), np.float32))[:10].max() < 0.5
