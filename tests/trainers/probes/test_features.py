"""Frozen features: kept on disk, made again when damaged, a function of seed, pass and image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.errors import Interrupted, MaskgenError
from maskgen.processes.signals import interrupted
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.probes import features
from maskgen.trainers.probes.features import Extractor, FeatureStore, InputTransform, default_share


class Counted:
    """A network that counts the images it has seen; features are per-channel means."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        self.images += len(inputs)
        return inputs.mean(dim=(2, 3))


def test_features_are_kept_and_damaged_ones_made_again(photo_folder: Path, tmp_path: Path) -> None:
    images, network = open_images(photo_folder), Counted()
    store = FeatureStore(tmp_path, "net", Extractor(network, torch.device("cpu"), batch_size=7))
    transform = InputTransform(side=16, share=1.0)
    first = store.get(images, transform)
    assert (first.shape, network.images) == ((54, 3), 54)
    wanted = images.read(5).reshape(-1, 3).mean(0) / 255
    assert first[5] * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406] == pytest.approx(wanted, abs=0.01)
    assert np.array_equal(store.get(images, transform), first)
    assert network.images == 54
    (path,) = tmp_path.glob("*.npy")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert np.array_equal(store.get(images, transform), first)
    assert network.images == 108


def test_an_interrupted_pass_goes_on(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_KEPT", 20)
    images, network, transform = open_images(photo_folder), Counted(), InputTransform(side=16, share=1.0)

    def interrupt(inputs: torch.Tensor) -> torch.Tensor:
        if network.images > 40:
            raise interrupted()
        return network(inputs)

    def store(folder: str, network: features.Network) -> FeatureStore:
        return FeatureStore(tmp_path / folder, "net", Extractor(network, torch.device("cpu"), batch_size=7))

    with pytest.raises(Interrupted):
        store("twice", interrupt).get(images, transform)
    kept = sorted((tmp_path / "twice").glob("*-to-*.npy"))
    assert [path.name.partition(".")[2] for path in kept] == ["0-to-20.npy", "21-to-41.npy"]
    kept[1].write_bytes(kept[1].read_bytes()[:-30])
    network.images = 0
    found = store("twice", network).get(images, transform)
    assert network.images == 54 - 21
    assert np.array_equal(found, store("whole", Counted()).get(images, transform))
    assert len(list((tmp_path / "twice").iterdir())) == 2


def test_augmented_passes_differ_and_repeat(photo_folder: Path, tmp_path: Path) -> None:
    images = open_images(photo_folder)
    extractor = Extractor(Counted(), torch.device("cpu"), batch_size=64)
    rows = np.arange(len(images))
    one, again, two = (
        extractor.rows(images, rows, InputTransform(side=16, share=1.0, augmented=n)) for n in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, two)


def test_features_that_are_no_numbers_are_refused(photo_folder: Path, tmp_path: Path) -> None:
    images = open_images(photo_folder)
    lost = FeatureStore(tmp_path, "net", Extractor(lambda x: x.mean(dim=(2, 3)) / 0 * 0, torch.device("cpu")))
    with pytest.raises(MaskgenError, match="the features of 54 of 54 images are infinite or no number"):
        lost.get(images, InputTransform(side=16, share=1.0))


def test_dropped_features_leave_nothing(photo_folder: Path, tmp_path: Path) -> None:
    images = open_images(photo_folder)
    store = FeatureStore(tmp_path, "net", Extractor(Counted(), torch.device("cpu")))
    passes = [InputTransform(side=16, share=1.0, augmented=number) for number in (0, 1)]
    kept = [store.get(images, one) for one in passes]
    store.drop(images, passes[0])
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".json", ".npy"]
    assert np.array_equal(store.get(images, passes[0]), kept[0])


def test_small_images_are_used_whole_and_large_ones_as_in_the_papers() -> None:
    assert (default_share(32), default_share(96), default_share(224)) == (1.0, 1.0, 0.875)


def test_bfloat16_is_near_float32(photo_folder: Path) -> None:
    images, rows = open_images(photo_folder), np.arange(54)
    weights = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)) / 30
    extractor = Extractor(lambda x: torch.einsum("bchw,dchw->bd", x, weights), torch.device("cpu"))
    exact, half = (
        extractor.rows(images, rows, InputTransform(side=16, share=1.0, precision=precision))
        for precision in ("fp32", "bf16")
    )
    assert half.dtype == torch.float32
    assert not torch.equal(exact, half)
    torch.testing.assert_close(exact, half, rtol=0.05, atol=0.05)
