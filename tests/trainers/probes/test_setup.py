"""What a probe is asked: input sizes, images that are held out, passes that come in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import find_preset
from maskgen.trainers.probes.features import InputTransform
from maskgen.trainers.probes.setup import Passes, ProbeConfig, ProbeSetup, split
from maskgen.trainers.settings import Settings, config_of
from maskgen.trainers.training import checkpoint


def trained(folder: Path) -> Path:
    """A checkpoint of a network that has learned nothing."""
    preset = find_preset("simsiam", "smoke")
    torch.manual_seed(0)
    method = METHODS["simsiam"](preset)
    config = config_of(preset, Settings(data="", output=folder), data="d", order="global")
    state = {"config": config, "method": method.state_dict(), "schedule": {"step": 1}}
    return checkpoint.save(folder / "run", 1, state)


def test_the_side_is_224_unless_another_is_asked_for(photo_folder: Path, tmp_path: Path) -> None:
    path = trained(tmp_path)
    given: dict[str, Any] = {
        "checkpoint": path,
        "data": photo_folder,
        "test": None,
        "output": tmp_path,
        "device": torch.device("cpu"),
    }
    assert ProbeSetup.open(ProbeConfig(**given)).transform() == InputTransform(side=224, share=0.875)
    wanted = InputTransform(side=128, share=0.875, augmented=2, seed=5)
    assert ProbeSetup.open(ProbeConfig(**given, side=128, seed=5)).transform(2) == wanted


def test_one_class_is_nothing_to_tell_apart(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "cat").symlink_to(photo_folder / "cat")
    given: dict[str, Any] = {"checkpoint": trained(tmp_path), "output": tmp_path, "test": None}
    with pytest.raises(UsageError, match="all images are of one class, cat"):
        ProbeSetup.open(ProbeConfig(**given, data=tmp_path / "one", device=torch.device("cpu")))


def test_splits_do_not_overlap_and_repeat(photo_folder: Path) -> None:
    images = open_images(photo_folder)
    train, test, chosen = split(images, None, seed=3, choose=True)
    assert chosen is not None
    assert (len(train), len(test), len(chosen)) == (39, 11, 4)
    seen = [part.read(n).tobytes() for part in (train, test, chosen) for n in range(len(part))]
    assert len(set(seen)) == len(seen) == 54
    again = split(images, None, seed=3, choose=True)[0]
    assert np.array_equal(again.labels, train.labels)
    assert again.fingerprint == train.fingerprint != split(images, None, seed=4, choose=True)[0].fingerprint
    kept, own, none = split(images, images, seed=3, choose=False)
    assert (len(kept), own is images, none) == (54, True, None)


def test_passes_come_in_turn(photo_folder: Path, tmp_path: Path) -> None:
    config = ProbeConfig(
        checkpoint=trained(tmp_path),
        data=photo_folder,
        test=None,
        output=tmp_path,
        device=torch.device("cpu"),
        side=32,
    )
    setup = ProbeSetup.open(config)
    passes = Passes(setup, setup.train, views=2)
    made = [passes(epoch).clone() for epoch in range(4)]
    assert torch.equal(made[0], made[2])
    assert torch.equal(made[1], made[3])
    assert not torch.equal(made[0], made[1])
    still = Passes(setup, setup.train, views=-1)
    assert torch.equal(still(0), still(7))
