"""The labels that a training begins with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.errors import ImageFault
from maskgen.methods.priors.mr import mr
from maskgen.methods.priors.vote import vote
from maskgen.pipelines.distill.data.photos import Drawn, Opened, configs, draw
from maskgen.pipelines.distill.data.priors import Maps

SIDE = 48


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.uint8], NDArray[np.bool_]]:
    """A folder with one photo of a disc whose color runs from orange to red on gray, the photo, and the
    disc.
    """
    rng = np.random.default_rng(4)
    rows, columns = np.mgrid[:96, :120]
    inside = (rows - 50) ** 2 + (columns - 64) ** 2 < 24**2
    photo = np.repeat(rng.normal(105, 6, (96, 120, 1)), 3, axis=2)
    photo[inside] = np.stack([200 + 0 * columns, 60 + columns, 40 + 0 * columns], 2)[inside]
    pixels = np.clip(photo, 0, 255).astype(np.uint8)
    folder = tmp_path_factory.mktemp("one")
    (folder / "disc.png").write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())
    return folder, pixels, inside


def item(folder: Path) -> tuple[Opened, tuple[Drawn, str]]:
    sources = configs([str(folder)], "folder", "train")
    [drawn] = draw(sources, 0, 1).photos
    return Opened(sources), (drawn, hashlib.sha256((folder / "disc.png").read_bytes()).hexdigest())


def squared(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(maps, (SIDE, SIDE), interpolation=cv2.INTER_AREA) * 255)


@pytest.mark.slow
def test_the_vote_and_raw_priors_are_those_of_the_methods(
    scene: tuple[Path, NDArray[np.uint8], NDArray[np.bool_]],
) -> None:
    folder, photo, _ = scene
    opened, drawn = item(folder)
    found = Maps(opened, ("vote", "mr"), SIDE)(drawn)
    assert (found.shape, found.dtype) == ((2, SIDE, SIDE), np.uint8)
    assert np.abs(found[0] - squared(vote(photo))).mean() < 1.5
    assert np.abs(found[1] - squared(mr(photo))).mean() < 1.5


@pytest.mark.slow
def test_the_color_cut_carries_a_prior_to_the_object_s_edge(
    scene: tuple[Path, NDArray[np.uint8], NDArray[np.bool_]],
) -> None:
    folder, _, inside = scene
    opened, drawn = item(folder)
    names = ("rbd", "mr", "dsr", "mc", "vote")
    raw, cut = Maps(opened, names, SIDE)(drawn), Maps(opened, names, SIDE, cut=True)(drawn)
    disc = squared(inside.astype(np.float32)) > 127
    for name, before, after in zip(names, raw, cut, strict=True):
        overlap = (after > 127) & disc
        assert overlap.sum() / ((after > 127) | disc).sum() > 0.93, name
        edge = (after > 60) & (after < 200)
        assert edge.mean() < 0.12, f"{name}: a cut map leaves little in between"
        assert name == "vote" or (before != after).any()
    np.testing.assert_array_equal(raw[4], cut[4])  # the vote is a color cut already


def test_a_photo_that_has_changed_since_it_was_drawn_is_refused(
    scene: tuple[Path, NDArray[np.uint8], NDArray[np.bool_]],
) -> None:
    opened, (drawn, _) = item(scene[0])
    with pytest.raises(ImageFault, match="not those that were drawn"):
        Maps(opened, ("mr",), SIDE)((drawn, "0" * 64))
