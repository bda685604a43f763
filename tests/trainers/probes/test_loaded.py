"""Random crops by the loaders: each image once, its own crop, shared out among ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.probes.features import Extractor, FeatureStore, InputTransform
from maskgen.trainers.probes.loaded import loaded_views

CPU = torch.device("cpu")


def crops(shards: Path, kind: str, epoch: int = 0, rows: slice = slice(None)) -> dict[int, torch.Tensor]:
    images = open_images(shards)
    images = images.take(np.arange(len(images))[rows])
    found: dict[int, torch.Tensor] = {}
    for numbers, views in loaded_views(
        images, kind, side=16, epoch=epoch, seed=0, device=CPU, batch=10, threads=1
    ):
        assert not found.keys() & set(numbers.tolist())
        found |= dict(zip(numbers.tolist(), views, strict=True))
    return found


@pytest.mark.slow
def test_each_image_is_given_once_and_both_loaders_give_the_same(shards: Path) -> None:
    dali, torchs = crops(shards, "dali"), crops(shards, "torch")
    assert sorted(dali) == sorted(torchs) == list(range(54))
    assert all(torch.equal(dali[number], torchs[number]) for number in dali)
    other = crops(shards, "torch", epoch=1)
    assert not all(torch.equal(other[number], torchs[number]) for number in other)


def test_some_images_have_the_crops_that_they_have_among_all(shards: Path) -> None:
    whole, some = crops(shards, "torch"), crops(shards, "torch", rows=slice(5, 50, 3))
    assert sorted(some) == list(range(15))
    assert all(torch.equal(some[place], whole[5 + 3 * place]) for place in some)


def test_features_stand_at_their_images_rows(shards: Path, tmp_path: Path) -> None:
    images = open_images(shards)
    extractor = Extractor(lambda x: x.mean(dim=(2, 3)), CPU, batch_size=10)
    store = FeatureStore(tmp_path, "net", extractor)
    found = store.get(images, InputTransform(side=16, share=1.0, augmented=3, views="torch"))
    wanted = crops(shards, "torch", epoch=3)
    scale = np.array([0.229, 0.224, 0.225]) * 255
    means = np.stack([wanted[number].float().mean(dim=(1, 2)).numpy() for number in range(54)])
    np.testing.assert_allclose(found * scale + np.array([0.485, 0.456, 0.406]) * 255, means, atol=1e-2)


def test_images_in_folders_are_refused(photo_folder: Path) -> None:
    views = loaded_views(
        open_images(photo_folder), "dali", side=16, epoch=0, seed=0, device=CPU, batch=10, threads=1
    )
    with pytest.raises(UsageError, match="the dali loader reads shards"):
        next(views)
