"""One clip: sizes as published, masks written with DAVIS's names, void left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from davis_kit import FRAMES, make_davis, truth
from torch import Tensor
from torch.nn import functional

from maskgen.trainers.datasets.davis import open_davis
from maskgen.trainers.datasets.index_png import read_indices, write_indices
from maskgen.trainers.evaluations.davis.clip import (
    Follower,
    judge_clip,
    judge_frame,
    one_hot,
    resize_frame,
)
from maskgen.trainers.evaluations.davis.rules import RULES


def colors(images: Tensor) -> Tensor:
    """Maps of stride 4: colors without their mean, in which gray is nothing."""
    small = functional.avg_pool2d(images.float() / 255, 4)
    return torch.cat([small - small.mean(1, keepdim=True), torch.full_like(small[:, :1], 0.2)], 1)


@pytest.mark.slow
def test_moving_squares_are_followed_by_their_colors(tmp_path: Path) -> None:
    clip = open_davis(make_davis(tmp_path / "davis"))[0]
    follower = Follower(colors, lambda images: images, torch.device("cpu"), RULES["jabri"])
    scores = judge_clip(clip, follower.follow(clip), tmp_path / "masks")
    assert scores["J"].shape == scores["F"].shape == (2, FRAMES - 2)
    assert scores["J"].min() > 0.75
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == [p.name for p in clip.masks]
    assert np.array_equal(read_indices(tmp_path / "masks" / "00000.png"), truth(0))
    mask = read_indices(tmp_path / "masks" / "00002.png")
    expected, _ = judge_frame(mask, truth(2), 2)
    assert scores["J"][:, 1].tolist() == expected


def test_the_truth_itself_is_perfect(tmp_path: Path) -> None:
    clip = open_davis(make_davis(tmp_path / "davis"))[0]
    scores = judge_clip(clip, (truth(n) for n in range(FRAMES)), tmp_path / "masks")
    assert (scores["J"] == 1).all()
    assert (scores["F"] == 1).all()


def test_frames_are_resized_as_dino_does() -> None:
    sizes = {(480, 854): (480, 832), (480, 910): (480, 896), (854, 480): (832, 480), (96, 128): (480, 640)}
    for before, after in sizes.items():
        assert resize_frame(np.zeros((*before, 3), np.uint8), 480).shape[:2] == after
    frame = np.zeros((7, 9, 3), np.uint8)
    assert resize_frame(frame, 0) is frame


def test_labels_are_the_nearest_pixels() -> None:
    found = one_hot(truth(0), 2, (24, 32))
    assert found.shape == (3, 24, 32)
    assert torch.equal(found.sum(0), torch.ones(24, 32))
    assert torch.equal(found.argmax(0), torch.from_numpy(truth(0)[::4, ::4].astype(np.int64)))


def test_void_counts_neither_for_nor_against(tmp_path: Path) -> None:
    numbers = np.array([[1, 1, 255, 0]], np.uint8)
    wrong_in_void = np.array([[1, 1, 1, 0]], np.uint8)
    assert judge_frame(wrong_in_void, numbers, 1)[0] == [1.0]
    clip = open_davis(make_davis(tmp_path))[0]
    first = truth(0)
    first[:5] = 255
    write_indices(clip.masks[0], first)
    follower = Follower(colors, lambda images: images, torch.device("cpu"), RULES["dino"])
    assert not next(follower.follow(clip))[:5].any()
