"""AutoAugment against torchvision's own, with its random choices forced."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.autoaugment import AutoAugment

from maskgen.loaders.pixels.auto_augment import POLICIES, auto_augment


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    y, x = np.mgrid[0:48, 0:64]
    noise = np.random.default_rng(0).normal(0, 12, (48, 64, 3))
    ramp = np.stack([4 * x, 5 * y, 255 - 3 * x], axis=-1)
    return np.asarray(np.clip(ramp + noise, 0, 255), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("policy", range(25))
def test_every_sub_policy_is_torchvisions(
    image: np.ndarray, policy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = AutoAugment()
    for u in np.random.default_rng(policy).random((8, 4)).astype(np.float32):
        signs = torch.tensor([int(u[2] >= 0.5), int(u[3] >= 0.5)])
        chosen = (policy, torch.from_numpy(u[:2]), signs)
        monkeypatch.setattr(AutoAugment, "get_params", staticmethod(lambda count, chosen=chosen: chosen))
        expected = np.asarray(theirs(Image.fromarray(image)))
        np.testing.assert_array_equal(auto_augment(image, policy, u), expected)


def test_the_table_is_torchvisions() -> None:
    theirs = AutoAugment().policies
    names = {"ShearX": "shear_x"}
    table = [tuple((names.get(n, n.lower()), p, m or 0) for n, p, m in row) for row in theirs]
    assert list(POLICIES) == table


def test_no_policy_gives_the_same_picture(image: np.ndarray) -> None:
    assert auto_augment(image, -1, np.zeros(4, np.float32)) is image


def test_an_operation_of_probability_zero_hardly_ever_happens(image: np.ndarray) -> None:
    assert POLICIES[12][0][1] == 0
    once = auto_augment(image, 12, np.array([0.5, 0.9, 0, 0], np.float32))
    np.testing.assert_array_equal(once, image)
