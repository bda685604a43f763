"""COCO folders and zips; labels against pycocotools."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from maskgen.errors import SourceFault

Write = Callable[[dict[str, bytes]], Path]
Jpeg = Callable[[int], bytes]

IDS = [9, 25, 30, 1234567]


def instances(extra: dict[str, Any] | None = None, folder: str = "") -> bytes:
    images = [{"id": n, "file_name": f"{folder}{n:012d}.jpg"} for n in reversed(IDS)]
    pairs = [(9, 51), (9, 50), (9, 51), (30, 1), (1234567, 90)]
    annotations = [{"image_id": i, "category_id": c, "segmentation": [[0.5] * 8]} for i, c in pairs]
    value = {"info": {"year": 2017}, "annotations": annotations, "images": images, "categories": [{"id": 1}]}
    return json.dumps(value | (extra or {})).encode()


LABELS = {"000000000009": (50, 51), "000000000025": (), "000000000030": (1,), "000001234567": (90,)}


@pytest.fixture
def photos(jpeg: Jpeg) -> dict[str, bytes]:
    return {f"{n:012d}": jpeg(n) for n in IDS}


def zipped(photos: dict[str, bytes], path: Path, method: int, folder: str = "val2017/") -> None:
    with zipfile.ZipFile(path, "w", method) as file:
        for name in reversed(photos):
            file.writestr(f"{folder}{name}.jpg", photos[name])
        file.writestr("__MACOSX/._x.jpg", b"")


@pytest.mark.parametrize("folder", ["val2017", "images/val2017", "val2014", "images"])
def test_folders(opened: Any, write: Write, photos: dict[str, bytes], folder: str) -> None:
    year = "2014" if "2014" in folder else "2017"
    files = {f"{folder}/{name}.jpg": data for name, data in photos.items()}
    root = write(files | {f"annotations/instances_val{year}.json": instances()})
    for place in (root, root / folder):
        found = opened("coco", place, split="val")
        assert list(found.labels.items()) == list(LABELS.items())
        assert found.bytes() == photos
        assert found.source.notes == []


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folder", ["val2017/", ""])
def test_zips(opened: Any, write: Write, photos: dict[str, bytes], method: int, folder: str) -> None:
    root = write({"annotations/instances_val2017.json": instances()})
    zipped(photos, root / "val2017.zip", method, folder)
    for place in (root, root / "val2017.zip"):
        found = opened("coco", place, split="val")
        assert list(found.labels.items()) == list(LABELS.items())
        assert found.bytes(order=3) == photos
        assert found.items[0].path == f"val2017.zip/{folder}000000000009.jpg"


def test_file_names_with_the_folder(opened: Any, write: Write, photos: dict[str, bytes]) -> None:
    root = write({f"val2017/{name}.jpg": data for name, data in photos.items()})
    write({"instances_val2017.json": instances(folder="val2017/")})
    assert opened("coco", root, split="val").labels == LABELS


def test_without_annotations(opened: Any, write: Write, photos: dict[str, bytes]) -> None:
    root = write({f"val2017/{name}.jpg": data for name, data in photos.items()})
    count, first = len(LABELS), f"(first: val2017/{min(photos)}.jpg)"
    for have, why in (
        ({}, "there is no annotations/instances_val2017.json"),
        (
            {"annotations/captions.json": b"{}"},
            "annotations/ has captions.json and no instances_val2017.json",
        ),
    ):
        write(have)
        found = opened("coco", root, split="val")
        assert found.labels == dict.fromkeys(LABELS)
        assert found.source.notes == [f"{count} photos have no labels, as {why}; labels are optional {first}"]


def test_what_the_json_and_the_disk_do_not_share(opened: Any, write: Write, photos: dict[str, bytes]) -> None:
    files = {f"val2017/{name}.jpg": data for name, data in list(photos.items())[1:]} | {
        "val2017/new.jpg": b"n"
    }
    found = opened("coco", write(files | {"annotations/instances_val2017.json": instances()}), split="val")
    assert found.labels == {name: LABELS[name] for name in list(LABELS)[1:]} | {"new": None}
    assert found.source.notes == [
        "1 photo is not in instances_val2017.json and has no label (first: val2017/new.jpg)",
        "1 image of instances_val2017.json is not on disk (first: 000000000009.jpg)",
    ]


def test_a_zip_with_two_equal_names(opened: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "val2017.zip", "w") as file:
        file.writestr("a.jpg", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.jpg", b"2")
    with pytest.raises(SourceFault, match=r"two members 'a\.jpg'"):
        opened("coco", tmp_path, split="val")


def test_order_does_not_depend_on_the_file_system(
    opened: Any, write: Write, photos: dict[str, bytes], shuffled_scandir: Callable[[int], None]
) -> None:
    root = write({f"val2017/{name}.jpg": data for name, data in photos.items()})
    for seed in range(4):
        shuffled_scandir(seed)
        assert opened("coco", root, split="val").names == sorted(photos)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "inner", "annotations", "count"),
    [
        ("coco_tiny_160", "train2017", "annotations/instances_train2017.json", 80),
        ("dali_coco", "images", "instances.json", 61),
    ],
)
def test_real_data_against_pycocotools(
    opened: Any, shared_data: Path, folder: str, inner: str, annotations: str, count: int
) -> None:
    place = shared_data / folder
    peer = COCO(place / annotations)
    truth = {
        Path(image["file_name"]).stem: tuple(
            sorted({a["category_id"] for a in peer.loadAnns(peer.getAnnIds(imgIds=[number]))})
        )
        for number, image in peer.imgs.items()
    }
    for given in (place, place / inner):
        found = opened("coco", given)
        assert len(found.items) == count
        assert found.labels == truth
        assert found.bytes() == {p.stem: p.read_bytes() for p in (place / inner).iterdir()}
        assert found.source.notes == []
