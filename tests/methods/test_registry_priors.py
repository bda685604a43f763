"""RBD, MR, MC and DSR as whole methods: drawn discs, framed photos, odd sizes, ECSSD scores, the authors'
released maps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.priors import scene
from maskgen.methods.priors.dsr import dsr, dsr_map
from maskgen.methods.priors.mc import mc, mc_map
from maskgen.methods.priors.mr import mr, mr_map
from maskgen.methods.priors.rbd import rbd, rbd_map
from maskgen.methods.priors.scene import Scene, prepare, restore
from maskgen.types import RGB, Box, HardMask, SoftMask

Prior = Callable[[RGB], SoftMask]
PRIORS: list[tuple[Prior, Callable[[Scene], NDArray[np.float64]]]] = [
    (rbd, rbd_map),
    (mr, mr_map),
    (mc, mc_map),
    (dsr, dsr_map),
]
every = pytest.mark.parametrize("method", [rbd, mr, mc, dsr])


def read(path: Path) -> RGB:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).astype(np.uint8)


def precision_recall(mask: SoftMask, truth: HardMask) -> NDArray[np.float64]:
    """(2, 256) precision and recall of mask >= t/255, t = 0..255."""
    levels = np.rint(255 * mask).astype(np.int64)
    hits = np.bincount(levels[truth], minlength=256)[::-1].cumsum()[::-1]
    marked = np.bincount(levels.ravel(), minlength=256)[::-1].cumsum()[::-1]
    return np.stack([hits / np.maximum(marked, 1), hits / truth.sum()])


def max_f(curves: list[NDArray[np.float64]]) -> float:
    """Largest F of the mean precision-recall curve, beta² = 0.3 (Borji et al., TIP 2015)."""
    precision, recall = np.mean(curves, axis=0)
    return float(np.max(1.3 * precision * recall / np.maximum(0.3 * precision + recall, 1e-12)))


@pytest.mark.slow
@every
@pytest.mark.parametrize(("center", "radius"), [((100, 150), 40), ((80, 120), 50), ((110, 200), 30)])
def test_a_disc_on_plain_ground_is_found(method: Prior, center: tuple[int, int], radius: int) -> None:
    y, x = np.mgrid[:200, :300]
    disc = np.hypot(y - center[0], x - center[1]) < radius
    image = np.where(disc[..., None], np.uint8([200, 60, 40]), np.uint8([90, 120, 90]))
    assert max_f([precision_recall(method(image), disc)]) > 0.95


@pytest.mark.slow
@every
@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),
        (1, 2),
        (2, 2),
        (1, 400),
        (400, 1),
        (3, 7),
        (17, 31),
        (64, 64),
        (401, 399),
        (3, 8000),
        (2500, 2000),
    ],
)
@pytest.mark.parametrize("kind", ["noise", "gray", "constant", "half"])
def test_any_size_and_content_gives_a_finite_mask(method: Prior, shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), 77, np.uint8)
    if kind == "noise":
        image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    elif kind == "gray":
        image[:] = rng.integers(0, 256, (*shape, 1))
    elif kind == "half":
        image[:, : shape[1] // 2] = 200
    mask = method(image)
    assert mask.shape == shape
    assert mask.dtype == np.float32
    assert np.isfinite(mask).all()
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert kind != "constant" or not mask.any()


@pytest.mark.slow
@every
def test_views_and_repeats_give_the_same_mask(method: Prior, shared_data: Path) -> None:
    image = read(shared_data / "ecssd" / "images" / "0200.jpg")
    before = image.copy()
    first = method(image)
    assert np.array_equal(image, before)
    assert np.array_equal(first, method(image[:, ::-1].copy()[:, ::-1]))
    assert np.array_equal(first, method(np.asfortranarray(image)))


@pytest.mark.slow
@every
def test_a_black_frame_changes_the_map_little(
    method: Prior, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [read(path) for path in sorted((shared_data / "ecssd" / "images").glob("*.jpg"))[16::32]]
    plain = [method(photo) for photo in photos]

    def change() -> float:
        framed = [method(np.pad(photo, ((10, 10), (10, 10), (0, 0))))[10:-10, 10:-10] for photo in photos]
        return float(np.median([np.abs(a - b).mean() for a, b in zip(plain, framed, strict=True)]))

    assert change() < 0.025
    monkeypatch.setattr(scene, "find_frame", lambda image: Box(0, 0, *image.shape[:2]))
    assert change() > 0.045  # the same measure without frame removal: the test can see a frame


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "least_f", "most_error"),
    [(rbd, 0.84, 0.116), (mr, 0.86, 0.125), (mc, 0.85, 0.145), (dsr, 0.82, 0.111)],
)
def test_scores_on_ecssd(method: Prior, least_f: float, most_error: float, shared_data: Path) -> None:
    curves, errors = [], []
    for path in sorted((shared_data / "ecssd" / "images").glob("*.jpg"))[::8]:
        truth = cv2.imread(str(shared_data / "ecssd" / "ground_truth_mask" / f"{path.stem}.png"), 0) > 128
        mask = method(read(path))
        curves.append(precision_recall(mask, truth))
        errors.append(np.abs(mask - truth).mean())
    assert len(curves) >= 40
    assert max_f(curves) >= least_f
    assert np.mean(errors) <= most_error


@pytest.mark.slow
@pytest.mark.parametrize(("method", "released"), [(rbd, "wCtr_Optimized"), (mr, "MR_stage2")])
def test_maps_agree_with_those_of_the_release(method: Prior, released: str, shared_data: Path) -> None:
    found = []
    for path in sorted((shared_data / "rbd108" / "SRC").glob("*.jpg")):
        reference = cv2.imread(str(shared_data / "rbd108" / "Res" / f"{path.stem}_{released}.png"), 0)
        found.append(np.corrcoef(method(read(path)).ravel(), reference.ravel())[0, 1])
    assert len(found) == 40
    assert np.mean(found) >= 0.935
    assert np.median(found) >= 0.95


@pytest.mark.slow
def test_sharing_a_scene_changes_no_map(shared_data: Path) -> None:
    image = read(shared_data / "ecssd" / "images" / "0300.jpg")
    shared = prepare(image)
    for alone, saliency in reversed(PRIORS):
        assert np.array_equal(restore(shared, saliency(shared)), alone(image))
