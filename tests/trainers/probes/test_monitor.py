"""kNN while training: the definition on the features of now, and a method that is left as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders import open_dataset
from maskgen.trainers.datasets.images import Pixels, center_crop
from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import find_preset
from maskgen.trainers.probes import monitor
from maskgen.trainers.probes.monitor import Monitor
from maskgen.trainers.settings import Settings

PRESET = find_preset("simclr", "smoke")
CPU = torch.device("cpu")


def opened(shards: Path, **values: str) -> Monitor:
    settings = Settings(data=str(shards), output=shards / "unused", **values)  # type: ignore[arg-type]
    return Monitor.open(open_dataset(shards), PRESET, settings, CPU)


def test_it_votes_among_all_other_images(shards: Path) -> None:
    torch.manual_seed(0)
    method, made = METHODS["simclr"](PRESET), opened(shards)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    found = made.measure(method)
    assert method.training
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())
    images = made.images
    pixels = np.stack([center_crop(images.read(n), 32, 1.0) / 255 for n in range(54)])
    inputs = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        rows = method.eval().features(torch.from_numpy(inputs).permute(0, 3, 1, 2).float()).double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T
    right = 0
    for i in range(54):
        near = [j for j in np.argsort(-cosines[i]) if j != i][:20]
        votes = np.zeros(3)
        np.add.at(votes, images.labels[near], np.exp(cosines[i, near] / 0.07))
        right += votes.argmax() == images.labels[i]
    assert found == {"knn": pytest.approx(right / 54)}


def test_other_images_can_be_looked_at(shards: Path, photo_folder: Path, tmp_path: Path) -> None:
    for name in ("cat", "coffee"):
        (tmp_path / name).symlink_to(photo_folder / name)
    made = opened(shards, knn_data=str(tmp_path))
    assert len(made.images) == 36
    assert made.images.classes == 2
    with pytest.raises(UsageError, match="all images are of one class"):
        opened(shards, knn_data=str(photo_folder / ".."))


def test_of_many_images_some_are_drawn_once(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "MOST", 20)
    one, again = opened(shards), opened(shards)
    assert len(one.images) == 20
    assert one.images.fingerprint == again.images.fingerprint


def test_a_single_labeled_image_is_too_few(shards: Path, tmp_path: Path, photo_folder: Path) -> None:
    (tmp_path / "cat").mkdir()
    photo = next(photo_folder.glob("cat/*.png"))
    (tmp_path / "cat" / "one.png").write_bytes(photo.read_bytes())
    with pytest.raises(UsageError, match="there are no labels for kNN"):
        opened(shards, knn_data=str(tmp_path))


def test_a_damaged_image_is_left_out_or_ends_the_run(shards: Path) -> None:
    torch.manual_seed(0)
    method, whole = METHODS["simclr"](PRESET), opened(shards, on_error="skip")

    def read(number: int) -> Pixels:
        if number == 7:
            raise ShardFault("a picture does not decode", remedy="remove it")
        return whole.images.read(number)

    damaged = replace(whole, images=replace(whole.images, read=read))
    others = replace(whole, images=whole.images.take(np.delete(np.arange(54), 7)))
    assert damaged.measure(method) == others.measure(method) != whole.measure(method)
    strict = replace(damaged, settings=replace(whole.settings, on_error="raise"))
    with pytest.raises(ShardFault):
        strict.measure(method)
