"""`--method tokencut` and `found` as a user has them: masks of a photo, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from vit_states import official_state, random_vit

from maskgen.errors import UsageError
from maskgen.methods import MethodOptions, make_mask, network_input, resolve_network
from maskgen.methods.registry import METHODS
from maskgen.methods.resolve import load_network

PHOTO = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """A ViT without a head; patches of 112 px, so that there are 4 x 4 of them."""
    torch.save(official_state(random_vit(patch=112)), tmp_path / "vit.pth")
    return str(tmp_path / "vit.pth")


def test_tokencut_makes_a_mask_of_a_photo_of_any_size(weights: str) -> None:
    mask = make_mask("tokencut", PHOTO, weights=weights)
    assert (mask.shape, mask.dtype) == ((60, 90), np.float32)
    assert 0 <= mask.min() < 0.5 < mask.max() <= 1
    assert np.array_equal(mask, make_mask("tokencut", PHOTO, weights=weights))


def test_found_takes_its_head_from_the_same_file(weights: str) -> None:
    state = torch.load(weights, weights_only=True)
    head = {"decoder.weight": torch.zeros(1, 128, 1, 1), "decoder.bias": torch.tensor([-1.0])}
    torch.save({**state, **head}, weights)
    mask = make_mask("found", PHOTO, weights=weights)
    assert np.allclose(mask, 1 / (1 + np.e), atol=1e-6)


def test_found_without_its_head_is_refused(weights: str) -> None:
    with pytest.raises(UsageError, match=r"no head of FOUND(.|\n)*decoder\.weight is absent(.|\n)*tokencut"):
        load_network("found", MethodOptions(weights=weights))


@pytest.mark.parametrize("name", ["tokencut", "found"])
def test_weights_are_needed_and_patches_must_fill_the_photo(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs its weights(.|\n)*DINOv2"):
        load_network(name, MethodOptions())
    torch.save(official_state(random_vit(patch=15)), tmp_path / "odd.pth")
    with pytest.raises(UsageError, match="patches of 15 px"):
        load_network(name, MethodOptions(weights=str(tmp_path / "odd.pth")))


@pytest.mark.parametrize("name", ["tokencut", "found"])
def test_both_run_in_torch_in_float32_on_squares_of_448(name: str) -> None:
    found = resolve_network(name, MethodOptions())
    assert (found.runtime, found.precision) == ("torch", "fp32")
    assert network_input(name, found).side == 448
    assert METHODS[name].refinement("auto") == "none"
