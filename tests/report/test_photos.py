"""Photos are found by path, key and stem, in files and in what stage one reads photos from."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from archive_kit import tar_of
from command_kit import run_main

from maskgen.errors import ShardFault, UsageError
from maskgen.evaluation.pairs import MaskEntry
from maskgen.evaluation.reading import Blob
from maskgen.io.images.encode import encode_jpeg
from maskgen.report.photos import find_photos
from maskgen.report.sample import Sample
from maskgen.report.shard_set import survey_shards
from maskgen.shards import manifest


@cache
def gray(level: int) -> bytes:
    """A photo that is known by its level."""
    return encode_jpeg(np.full((16, 24, 3), level, np.uint8), 95)


PHOTOS = {f"p{number}": gray(20 * number) for number in range(5)}


def sample(*names: str, path: str = "elsewhere", photo: Blob | None = None) -> Sample:
    return Sample(MaskEntry(names, Blob("mask"), photo), path, None, 0.0, None, 0)


def levels(samples: Sequence[Sample], folder: Path, data: Path | None = None) -> dict[str, int]:
    return {key: int(read()[0, 0, 0]) for key, read in find_photos(samples, folder, data).items()}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_photos_are_found_by_path_key_and_a_stem_that_is_only_theirs(tmp_path: Path) -> None:
    paths = ("a/cat.jpg", "b/cat.PNG", "b/my dog.jpeg", "b/notes.txt")
    write(tmp_path, {path: gray(40 * number) for number, path in enumerate(paths)})
    masks = [
        sample("x", path="b/cat.PNG"),
        *(sample(name) for name in ("a_cat", "b_cat", "cat", "b_my_dog", "my dog", "notes")),
        sample("its own", path="a/cat.jpg", photo=Blob("shard.tar", 512, 9)),
    ]
    assert levels(masks, tmp_path) == {"x": 40, "a_cat": 0, "b_cat": 40, "b_my_dog": 80, "my dog": 80}


def in_tar(folder: Path) -> None:
    write(folder, {"train.tar": tar_of({f"{key}.jpg": data for key, data in PHOTOS.items()})})


def in_zip(folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(folder / "train2017.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for number, data in enumerate(PHOTOS.values()):
            file.writestr(f"train2017/{number:012d}.jpg", data)


def make_sidecar(photos: Path, dataset: str = "webdataset") -> tuple[Path, list[Sample]]:
    """Shards without photos, and what a report knows of their samples."""
    shards = photos.with_name("shards")
    words = ["run", "--dataset", dataset, "--input", photos, "--output", shards, "--layout", "sidecar"]
    assert run_main(*words, "--method", "box", "--workers", "1", "--shard-size", "2") == 0
    whole = manifest.read(shards)
    return shards, survey_shards(shards, whole, whole.level, list(range(5)), set(), 5).drawn


@pytest.mark.parametrize(("fill", "dataset"), [(in_tar, "webdataset"), (in_zip, "coco")])
def test_photos_in_tars_and_zips_are_found_as_a_sidecar_data_set_finds_them(
    fill: Callable[[Path], None], dataset: str, tmp_path: Path
) -> None:
    fill(tmp_path / "photos")
    shards, samples = make_sidecar(tmp_path / "photos", dataset)
    assert list(levels(samples, tmp_path / "photos", shards).values()) == [0, 20, 40, 60, 80]


def test_photos_in_tars_that_were_dealt_out_anew_and_in_part_are_found_by_key(tmp_path: Path) -> None:
    in_tar(tmp_path / "photos")
    shards, samples = make_sidecar(tmp_path / "photos")
    files = {f"new/{key}.tar": tar_of({f"{key}.jpg": PHOTOS[key]}) for key in ("p4", "p1")}
    other = write(tmp_path / "other", files)
    assert levels(samples, other, shards) == {"p1": 20, "p4": 80}
    assert levels([sample("p4"), sample("p9")], other) == {"p4": 80}, "of plain maps, by their names"


def test_a_folder_without_these_photos_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"other.jpg": gray(0), "other.tar": tar_of({"q.jpg": gray(0)})})
    with pytest.raises(UsageError, match=r"photos of these masks are not here: a/cat\.jpg in .*photos"):
        find_photos([sample("cat", path="a/cat.jpg")], folder, None)
    assert find_photos([sample("q", photo=Blob("shard.tar", 512, 9))], folder, None) == {}


def test_a_photo_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"cat.jpg": gray(0)[:200]})
    with pytest.raises(ShardFault, match=r"cannot read a photo: cat in .*cat\.jpg"):
        levels([sample("cat")], tmp_path)


@pytest.mark.parametrize("path", ["../secret.jpg", "/secret.jpg"])
def test_a_path_that_leaves_the_folder_is_not_followed(path: str, tmp_path: Path) -> None:
    write(tmp_path, {"secret.jpg": gray(0), "photos/p.jpg": gray(0)})
    assert list(find_photos([sample("x", path=path), sample("p")], tmp_path / "photos", None)) == ["p"]


def test_memory_does_not_grow_with_the_photos_in_tars(tmp_path: Path) -> None:
    in_tar(tmp_path / "photos")
    shards, samples = make_sidecar(tmp_path / "photos")

    def peak(tars: int) -> int:
        files = {"p.tar": tar_of({"p1.jpg": PHOTOS["p1"]})}
        for tar in range(tars):
            files[f"{tar}.tar"] = tar_of({f"{tar}-{number}.jpg": b"" for number in range(500)})
        folder = write(tmp_path / f"{tars}", files)
        tracemalloc.start()
        assert list(find_photos(samples, folder, shards)) == ["p1"]
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(8) < 1.5 * peak(2)
