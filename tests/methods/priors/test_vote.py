"""Vote: its arithmetic by hand, what must not change it, and what it scores on drawn and real photos."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from maskgen.cli.app import cli
from maskgen.evaluation.measures import f_score, measure
from maskgen.loaders import MaskReader
from maskgen.methods import METHODS, MethodOptions, make_method
from maskgen.methods.priors.vote import Thresholds, fuse, hard_vote, vote
from maskgen.types import RGB, HardMask, Method


def drawn_disc() -> tuple[RGB, HardMask]:
    y, x = np.mgrid[:200, :300]
    disc = np.hypot(y - 90, x - 170) < 45
    return np.where(disc[..., None], np.uint8([200, 60, 40]), np.uint8([90, 120, 90])), disc


def test_a_hard_vote_by_hand() -> None:
    maps = np.array(
        [[0.25, 0.1, 0.9, 0.0], [0.3, 0.29, 0.9, 0.0], [0.3, 0.31, 0.9, 0.0], [0.9, 0.1, 0.23, 0.0]]
    )[:, None]
    assert hard_vote(maps, Thresholds()).tolist() == [[0.75, 0.25, 1.0, 0.0]]
    # 1.5 times the means: .469, .559, .566, .461
    assert hard_vote(maps).tolist() == [[0.25, 0.0, 0.75, 0.0]]
    assert hard_vote(maps, Thresholds(0.1, 0.1, 0.1, 0.95)).tolist() == [[0.75, 0.75, 0.75, 0.0]]


@pytest.mark.slow
def test_the_lines_of_the_docs_vote_with_the_data_sets_own_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    photo, _ = drawn_disc()
    for number in range(3):
        moved = np.roll(photo[: 200 - 9 * number], 20 * number, axis=1)
        cv2.imwrite(f"photos/p{number}.png", moved)
    names = ("rbd", "mr", "mc", "dsr")
    for name in names:
        words = f"run --dataset folder --input photos --output shards-{name} --method {name}"
        words += " --background none --workers 1"
        assert CliRunner().invoke(cli, words.split(), catch_exceptions=False).exit_code == 0
    page = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "methods.md").read_text()
    (lines,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = {}
    exec(lines, found)  # what the page tells people to run

    masks = [dict(MaskReader(f"shards-{name}")) for name in names]
    means = [sum(mask.mean() for mask in prior.values()) / 3 for prior in masks]
    assert sorted(found["votes"]) == ["p0", "p1", "p2"]
    for key, votes in found["votes"].items():
        counted = sum(
            (prior[key] >= 1.5 * mean) & (prior[key] > 0) for prior, mean in zip(masks, means, strict=True)
        )
        assert (votes * 4 == counted).all()
        assert 0 < (votes == 1).mean() < 0.5


def test_thresholds_are_those_of_the_methods() -> None:
    given = Thresholds()
    assert {name: getattr(given, name) for name in ("rbd", "mr", "mc", "dsr")} == {
        name: METHODS[name].threshold for name in ("rbd", "mr", "mc", "dsr")
    }


def test_maps_of_zeros_vote_for_nothing() -> None:
    image, disc = drawn_disc()
    zeros = np.zeros((4, *disc.shape))
    assert not hard_vote(zeros).any()
    assert not fuse(image, zeros).any()
    three = np.stack([disc * 0.8] * 3 + [0 * disc])
    assert ((fuse(image, three) > 0.5) == disc).mean() > 0.99


def test_four_equal_maps_keep_their_order_on_either_side() -> None:
    image, disc = drawn_disc()
    rng = np.random.default_rng(0)
    saliency = 0.5 * disc + 0.5 * np.asarray(cv2.GaussianBlur(rng.random(disc.shape), (0, 0), 5))
    fused = fuse(image, np.stack([saliency] * 4))
    whole = cv2.erode((np.abs(fused - 0.5) > 0.39).astype(np.uint8), np.ones((3, 3))) > 0  # off the contour
    for side in (fused > 0.5, fused < 0.5):
        order = np.argsort(saliency[side & whole], kind="stable")
        assert order.size > 1000
        assert np.all(np.diff(fused[side & whole][order]) >= 0)


def test_the_order_of_the_maps_does_not_matter() -> None:
    image, disc = drawn_disc()
    rng = np.random.default_rng(1)
    maps = np.clip(0.5 * disc + 0.5 * rng.random((4, *disc.shape)), 0, 1)
    assert np.allclose(fuse(image, maps), fuse(image, maps[::-1]), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("refine", ["none", "crf", "guided"])
def test_a_disc_on_plain_ground_is_found(refine: str) -> None:
    image, disc = drawn_disc()
    mask = make_method("vote", MethodOptions(refine=refine))(image)
    assert ((mask > 0.5) & disc).sum() / ((mask > 0.5) | disc).sum() > 0.95


@pytest.mark.slow
def test_the_same_photo_gives_the_same_mask_whatever_came_before() -> None:
    image, _ = drawn_disc()
    first = vote(image)
    vote(np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8))
    cv2.setRNGSeed(77)
    assert np.array_equal(first, vote(image))


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (2, 2), (1, 400), (3, 7), (17, 31), (401, 399), (900, 1100)]
)
@pytest.mark.parametrize("kind", ["noise", "plain", "half"])
def test_any_size_and_content_gives_a_finite_mask(shape: tuple[int, int], kind: str) -> None:
    image = np.full((*shape, 3), 77, np.uint8)
    if kind == "noise":
        image = np.random.default_rng(0).integers(0, 256, image.shape).astype(np.uint8)
    if kind == "half":
        image[:, shape[1] // 2 :] = 200
    mask = make_method("vote", MethodOptions())(image)
    assert mask.shape == shape
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    if kind == "plain":
        assert mask.max() < 0.01


def pairs(folder: Path, every: int) -> Iterator[tuple[RGB, HardMask]]:
    for path in sorted((folder / "ground_truth_mask").glob("*.png"))[::every]:
        photo = cv2.cvtColor(cv2.imread(str(folder / "images" / f"{path.stem}.jpg")), cv2.COLOR_BGR2RGB)
        yield photo.astype(np.uint8), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 128


def scores(method: Method, photos: list[tuple[RGB, HardMask]]) -> NDArray[np.float64]:
    """maxF of the mean curve, MAE and IoU at .5."""
    curves, sums = np.zeros((2, 256)), np.zeros(2)
    for photo, truth in photos:
        found = measure(np.rint(255 * method(photo)).astype(np.uint8), truth)
        curves += found.curves.precision, found.curves.recall
        sums += found.measures.mae, found.measures.iou
    return np.array([f_score(*curves / len(photos)).max(), *sums / len(photos)])


@pytest.mark.slow
def test_scores_on_every_ninth_ecssd_photo_are_above_the_floor(shared_data: Path) -> None:
    photos = list(pairs(shared_data / "ecssd", 9))
    max_f, mae, iou = scores(make_method("vote", MethodOptions()), photos)
    assert len(photos) == 37
    assert max_f > 0.86
    assert mae < 0.08
    assert iou > 0.72
