"""The batched CRF against a sum over all pairs, the numpy CRF, pydensecrf2, and itself one map at a time."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from maskgen.methods.refine import crf  # noqa: E402
from maskgen.methods.refine.mean_field import (  # noqa: E402
    DEEPUSPS,
    Lattice,
    MeanField,
    MeanFieldByPhoto,
    blur,
    log_odds,
    mean_field,
    refine,
)


def scene(seed: int, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """A photo with a disc of another color and noise, and a soft, shifted, broken guess of the disc."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    disc = np.hypot(y - 0.5, x - 0.45) < 0.28
    colors = rng.integers(30, 225, (2, 3))
    photo = colors[disc.astype(int)] + rng.normal(0, 6, (side, side, 3))
    guess = np.where(np.hypot(y - 0.55, x - 0.5) < 0.25, 0.8, 0.15) + rng.normal(0, 0.05, (side, side))
    return photo.clip(0, 255).astype(np.uint8), guess.clip(0, 1).astype(np.float32)


def batch(count: int, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    scenes = [scene(seed, side) for seed in range(count)]
    return np.stack([one[0] for one in scenes]), np.stack([one[1] for one in scenes])


def test_lattice_is_near_the_sum_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.uniform(0, 3, (2, 5, 400)).astype(np.float32))
    values = torch.from_numpy(rng.uniform(0, 1, (2, 400)).astype(np.float32))
    found = Lattice(features)(values)
    kernel = torch.exp(-((features[:, :, :, None] - features[:, :, None]) ** 2).sum(1) / 2)
    exact = (kernel @ values[..., None])[..., 0]
    ratio = found / exact
    # one constant factor, and the lattice's own error, which is some percent of the values
    assert float((ratio / ratio.mean()).std()) < 0.1
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99


def test_images_of_a_batch_do_not_mix() -> None:
    features = torch.zeros(2, 5, 10)
    lattice = Lattice(features)
    values = torch.zeros(2, 10)
    values[0] = 1
    found = lattice(values)
    assert float(found[0].min()) > 0
    assert not found[1].any()


def test_lattice_refuses_points_that_lie_too_far_apart() -> None:
    with pytest.raises(ValueError, match="larger sigma"):
        Lattice(torch.tensor([[0.0, 1e6]] * 5)[None])


def test_blur_is_a_gaussian_with_zeros_outside() -> None:
    values = torch.zeros(1, 21, 21)
    values[0, 10, 10] = 1
    sigma = 1.5
    found = blur(values, sigma)[0]
    y, x = np.mgrid[-10:11, -10:11]
    exact = np.exp(-(y**2 + x**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    np.testing.assert_allclose(found, exact, atol=2e-4)
    ones = blur(torch.ones(1, 41, 41), sigma)[0]
    assert float(ones[20, 20]) == pytest.approx(1, abs=1e-4)
    assert float(ones[0, 20]) == pytest.approx(0.5 * (1 + ones.new_tensor(0.3989 / sigma).item()), abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_messages_are_those_of_the_numpy_crf(seed: int) -> None:
    photo, guess = scene(seed, 64)
    odds = crf._log_odds(guess.copy())
    expected = crf.mean_field(odds, photo, DEEPUSPS)
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    found = mean_field(log_odds(torch.from_numpy(guess)[None]), pixels, DEEPUSPS)[0]
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_maps_are_those_of_pydensecrf(seed: int) -> None:
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    photo, guess = scene(seed, 96)
    inside = guess.clip(1e-3, 1 - 1e-3)
    crf = densecrf.DenseCRF2D(96, 96, 2)
    crf.setUnaryEnergy(-np.log(np.stack([1 - inside, inside])).reshape(2, -1).astype(np.float32))
    crf.addPairwiseGaussian(sxy=96 * DEEPUSPS.place_sigma, compat=DEEPUSPS.place_weight)
    crf.addPairwiseBilateral(
        sxy=96 * DEEPUSPS.appearance_sigma,
        srgb=DEEPUSPS.color_sigma,
        rgbim=np.ascontiguousarray(photo),
        compat=DEEPUSPS.appearance_weight,
    )
    expected = np.array(crf.inference(DEEPUSPS.iterations))[1].reshape(96, 96)
    found = MeanField(96)(photo[None], guess[None])[0]
    assert float(np.abs(found - expected).mean()) < 0.005
    assert float(((found > 0.5) == (expected > 0.5)).mean()) > 0.995


def test_a_batch_gives_what_single_maps_give() -> None:
    photos, guesses = batch(5)
    together = MeanField(32, batch=3)(photos, guesses)
    alone = np.concatenate([MeanField(32)(photos[i : i + 1], guesses[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert together.dtype == np.float32
    assert together.shape == guesses.shape


def test_a_mask_moves_onto_the_object() -> None:
    photos, guesses = batch(4, 64)
    y, x = np.mgrid[:64, :64] / 64
    disc = np.hypot(y - 0.5, x - 0.45) < 0.28
    for side in (32, 64):
        refined = MeanField(side)(photos, guesses)
        before, after = (np.abs(maps - disc).mean() for maps in (guesses, refined))
        assert after < before / 2


@pytest.mark.parametrize("side", [64, 40])
def test_one_photo_after_the_other_gives_the_same(side: int) -> None:
    photos, guesses = batch(4, 64)
    together, single = MeanField(side)(photos, guesses), MeanFieldByPhoto(side)(photos, guesses)
    # at a smaller side the two resize by other kernels
    assert float(np.abs(together - single).mean()) < (1e-4 if side == 64 else 0.02)


def test_a_smaller_side_enlarges_the_messages_alone() -> None:
    photos, guesses = batch(2, 64)
    pixels, maps = torch.from_numpy(photos).permute(0, 3, 1, 2), torch.from_numpy(guesses)
    idle = crf.Kernels(place_weight=0.0, appearance_weight=0.0)
    np.testing.assert_allclose(refine(pixels, maps, 16, idle), maps.clamp(1e-3, 1 - 1e-3), atol=1e-5)


def test_certain_and_empty_maps_stay_finite() -> None:
    photos = np.zeros((2, 24, 24, 3), np.uint8)
    maps = np.stack([np.zeros((24, 24)), np.ones((24, 24))]).astype(np.float32)
    for filtered in (MeanField(24), MeanFieldByPhoto(24), MeanFieldByPhoto(12)):
        refined = filtered(photos, maps)
        assert np.isfinite(refined).all()
        assert float(refined[0].max()) < 0.01
        assert float(refined[1].min()) > 0.99


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    photos, guesses = batch(3)
    np.testing.assert_allclose(
        MeanField(48, device="cuda")(photos, guesses), MeanField(48)(photos, guesses), atol=2e-3
    )
