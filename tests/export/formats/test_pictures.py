from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from challenge_kit import Drawing, write_shards
from numpy.typing import NDArray
from PIL import Image

from maskgen.errors import UsageError
from maskgen.export import Settings, export_masks
from maskgen.loaders import Dataset, MaskReader, open_dataset

Export = Callable[..., tuple[Path, dict[str, Any]]]


def opened(path: Path) -> tuple[str, NDArray[np.uint8]]:
    """What Pillow sees: the mode and the pixels."""
    with Image.open(path) as picture:
        return picture.mode, np.asarray(picture)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("by_key", [False, True])
def test_pillow_reads_the_masks(
    binary: bool, by_key: bool, export: Export, dataset: Dataset, made: Path
) -> None:
    output, report = export("png", binary=binary, by_key=by_key)
    masks = MaskReader(dataset)
    for row in rows(output):
        stem = row["key"] if by_key else row["source"].removesuffix(".jpg")
        assert row["mask"] == f"{stem}.png"
        mode, mask = opened(output / row["mask"])
        assert (mode, mask.shape) == ("L", opened(made / "photos" / row["source"])[1].shape[:2])
        assert (mask == (masks.hard(row["key"]) * 255 if binary else masks[row["key"]])).all()
    assert report["samples"] == len(rows(output)) == len(masks)
    assert len(list(output.rglob("*.png"))) == len(masks)


def test_a_cutout_is_the_photo_with_its_mask_as_alpha(export: Export, dataset: Dataset, made: Path) -> None:
    output, _ = export("cutout")
    for row in rows(output):
        pixels = opened(output / row["photo"])[1]
        photo = opened(made / "photos" / row["source"])[1].astype(np.int64)
        assert (pixels[..., 3] == MaskReader(dataset)[row["key"]]).all()
        assert abs(pixels[..., :3] - photo).max() <= 3  # two JPEG decoders


def test_torchvision_finds_photos_masks_and_backgrounds_in_the_same_order(
    export: Export, dataset: Dataset
) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    output, _ = export("imagefolder", binary=True)
    photos, masks, backgrounds = (
        datasets.ImageFolder(output / name) for name in ("photos", "masks", "backgrounds")
    )
    assert photos.classes == masks.classes == backgrounds.classes == ["cats", "dogs"]
    assert len(photos) == dataset.samples
    reader = MaskReader(dataset)
    for (path, label), (mask, same), (ground, _) in zip(
        photos.samples, masks.samples, backgrounds.samples, strict=True
    ):
        key = Path(path).stem
        assert (Path(mask).stem, Path(ground).stem, same) == (key, key, label)
        assert reader.record(key)["label"] == label
        assert (opened(Path(mask))[1] == reader.hard(key) * 255).all()


def test_samples_without_a_class_are_left_out(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", [Drawing(1, 3), Drawing(2, None), Drawing(3, 4)])
    report = export_masks(open_dataset(shards), tmp_path / "out", Settings(to="imagefolder"))
    assert (report["samples"], report["left_out"]) == (2, 1)
    assert [row["photo"] for row in rows(tmp_path / "out")] == [
        "photos/class 3/k01.png",
        "photos/class 4/k03.png",
    ]


def test_no_classes_and_no_photos_are_refused(tmp_path: Path, made: Path) -> None:
    shards = write_shards(tmp_path / "shards", [Drawing(1, None)])
    with pytest.raises(UsageError, match="no sample has a class"):
        export_masks(open_dataset(shards), tmp_path / "out", Settings(to="imagefolder"))
    with pytest.raises(UsageError, match="no photos"):
        export_masks(open_dataset(made / "sidecar"), tmp_path / "out", Settings(to="cutout"))
    assert not (tmp_path / "out").exists()
    joined = open_dataset(made / "sidecar", photos=made / "photos")
    assert export_masks(joined, tmp_path / "out", Settings(to="cutout"))["samples"] == joined.samples
