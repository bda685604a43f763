"""The draws of flips and colors against torchvision's laws and DALI's color operator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from draws_kit import many, near
from scipy import stats
from torchvision.transforms import ColorJitter

from maskgen.loaders.recipes.parts import NO_PHOTOMETRIC, Photometric
from maskgen.loaders.recipes.spec import View
from maskgen.loaders.sampling.photometric import color_matrix


@pytest.mark.slow
def test_colors_have_the_law_of_torchvisions_color_jitter() -> None:
    torch.manual_seed(0)
    jitter = (0.4, 0.3, 0.2, 0.1)
    chain = Photometric(jitter=jitter, jitter_p=1.0, gray_p=0.0)
    ours = many(View(photometric=chain)).color.astype(np.float64)
    module = ColorJitter(*jitter)
    ranges = (module.brightness, module.contrast, module.saturation, module.hue)
    theirs = np.array(
        [[float(v) for v in ColorJitter.get_params(*ranges)[1:]] for _ in range(5000)]  # type: ignore[arg-type]
    )
    theirs[:, 3] *= 360
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3


def test_a_factor_never_falls_below_zero() -> None:
    color = many(View(photometric=Photometric(jitter=(1.5, 0, 0, 0), jitter_p=1.0, gray_p=0.0))).color
    assert color[:, 0].min() >= 0
    assert color[:, 0].max() == pytest.approx(2.5, abs=0.01)
    assert (color[:, 1:] == (1, 1, 0)).all()


def test_the_chain_happens_as_often_as_it_should() -> None:
    chain = Photometric(jitter_p=0.8, gray_p=0.2, blur_p=0.5, blur_sigma=(0.1, 2.0), solarize_p=0.2)
    view = many(View(photometric=chain, flip_p=0.3))
    assert near(view.flip, 0.3)
    assert near(view.color[:, 0] != 1, 0.8)
    assert near(view.color[:, 2] == 0, 0.2)
    assert near(view.sigma > 0, 0.5)
    assert near(view.solarize, 0.2)
    assert stats.kstest(view.sigma[view.sigma > 0], stats.uniform(0.1, 1.9).cdf).pvalue > 1e-3
    coins = np.stack([view.flip, view.color[:, 0] != 1, view.color[:, 2] == 0, view.sigma > 0, view.solarize])
    assert np.abs(np.corrcoef(coins) - np.eye(5)).max() < 0.04


def test_no_photometric_changes_nothing() -> None:
    view = many(View(photometric=NO_PHOTOMETRIC, flip_p=0.0), 500)
    assert (view.color == (1, 1, 1, 0)).all()
    assert not view.sigma.any()
    assert not view.solarize.any()
    assert not view.flip.any()
    assert (view.policy == -1).all()


def test_auto_augment_takes_the_place_of_the_chain() -> None:
    chain = Photometric(jitter_p=1.0, blur_p=1.0, solarize_p=1.0, auto_augment_p=0.5)
    view = many(View(photometric=chain))
    replaced = view.policy >= 0
    assert near(replaced, 0.5)
    assert stats.chisquare(np.bincount(view.policy[replaced], minlength=25)).pvalue > 1e-3
    assert (view.color[replaced] == (1, 1, 1, 0)).all()
    assert not view.sigma[replaced].any()
    assert not view.solarize[replaced].any()
    assert view.sigma[~replaced].all()
    assert near(view.flip, 0.5)
    for column in range(4):
        assert stats.kstest(view.policy_u[:, column], "uniform").pvalue > 1e-3


def test_in_torchvisions_mode_the_order_is_random_and_grayscale_a_step_of_its_own() -> None:
    quick = Photometric(jitter_p=0.8, gray_p=0.2)
    exact = replace(quick, jitter_mode="torchvision")
    one, other = many(View(photometric=quick)), many(View(photometric=exact))
    numbers = other.order @ np.array([64, 16, 4, 1])
    values, counts = np.unique(numbers, return_counts=True)
    assert len(values) == 24
    assert stats.chisquare(counts).pvalue > 1e-3
    assert (np.sort(other.order, axis=1) == np.arange(4)).all()
    assert near(other.grayscale, 0.2)
    assert not one.grayscale.any()
    np.testing.assert_array_equal(other.grayscale, one.color[:, 2] == 0)
    np.testing.assert_array_equal(other.color[~other.grayscale], one.color[~other.grayscale])
    replaced = many(View(photometric=replace(exact, auto_augment_p=1.0, gray_p=1.0)), 100)
    assert not replaced.grayscale.any()


def test_color_matrix_by_hand() -> None:
    colors = np.array([(1, 1, 1, 0), (2, 1, 1, 0), (1, 0.5, 1, 0), (2, 0.5, 1, 0), (1, 1, 0, 77)], np.float32)
    same_, bright, flat, both, gray = color_matrix(colors)
    eye = np.eye(3)
    np.testing.assert_allclose(same_, np.c_[eye, [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(bright, np.c_[2 * eye, [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(flat, np.c_[0.5 * eye, [64, 64, 64]], atol=1e-5)
    np.testing.assert_allclose(both, np.c_[eye, [128, 128, 128]], atol=1e-5)
    np.testing.assert_allclose(gray[:, :3], np.tile([0.299, 0.587, 0.114], (3, 1)), atol=0.002)


def test_color_matrix_is_dalis_color_twist() -> None:
    from nvidia.dali import fn, pipeline_def

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 64, 3), dtype=np.uint8)
    low, high = (0.2, 0.2, 0.0, -180), (1.8, 1.8, 2.0, 180)
    colors = rng.uniform(low, high, (40, 4)).astype(np.float32)
    colors[::8, 2] = 0

    @pipeline_def(batch_size=len(colors), num_threads=1, device_id=None)
    def graph() -> Any:
        pictures = fn.external_source(lambda: [image] * len(colors), layout="HWC")
        rows = fn.external_source(lambda: list(colors))
        columns = [rows[c] for c in range(4)]
        names = ("brightness", "contrast", "saturation", "hue")
        return fn.color_twist(pictures, **dict(zip(names, columns, strict=True)))

    pipeline = graph()
    pipeline.build()
    theirs = np.array(pipeline.run()[0].as_array(), np.int64)
    matrices = color_matrix(colors).astype(np.float64)
    mapped = np.einsum("bij,hwj->bhwi", matrices[..., :3], image) + matrices[:, None, None, :, 3]
    difference = np.abs(np.clip(np.rint(mapped), 0, 255) - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01
