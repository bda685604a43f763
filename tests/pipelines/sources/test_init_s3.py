"""Every source at an address: the items, notes and bytes that the same files give in a folder."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from archive_kit import tar_of
from faulty_store import FaultyStore

from maskgen.config.run_config import RunConfig
from maskgen.errors import EnvironmentFault, ImageFault, SourceFault, UsageError
from maskgen.io.storage.location import ObjectLocation
from maskgen.pipelines.sources import ByteReader, Listing, open_source, source_root
from maskgen.pipelines.sources.containers.tfrecord import masked_crc32c
from maskgen.types import ByteRef

Jpeg = Callable[[int], bytes]


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tfrecord(photos: list[bytes]) -> bytes:
    def field(number: int, data: bytes) -> bytes:
        length, size = b"", len(data)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    found = b""
    for photo in photos:
        feature = field(1, b"image/encoded") + field(2, field(1, field(1, photo)))
        example = field(1, field(1, feature))
        header = struct.pack("<Q", len(example))
        found += header + struct.pack("<L", masked_crc32c(header))
        found += example + struct.pack("<L", masked_crc32c(example))
    return found


def trees(jpeg: Jpeg) -> dict[str, tuple[str, str, dict[str, bytes]]]:
    """Data set, input below the root and files, by what is special about it."""
    photo = [jpeg(number) for number in range(4)]
    instances = {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
        "annotations": [{"image_id": 7, "category_id": 3}, {"image_id": 7, "category_id": 1}],
    }
    wnids = ("n01440764", "n01443537")
    samples = {"x.jpg": photo[0], "x.cls": b"5", "y.png": photo[1], "y.json": b'{"label": 2}'}
    return {
        "tree": (
            "folder",
            "",
            {
                "b/x.jpg": photo[0],
                "b.jpg": photo[1],
                "b-a.JPG": photo[2],
                "notes.txt": b"n",
                ".hid/x.jpg": b"x",
                "b/.x.jpg": b"x",
                "ü ö/a%20b#[1].jpg": photo[3],
            },
        ),
        "tars": (
            "webdataset",
            "",
            {"b.tar": tar_of(samples), "a.tar.gz": gzip.compress(tar_of({"z.jpg": photo[2]})), "c.txt": b""},
        ),
        "one tar": (
            "webdataset",
            "deep/b.tar",
            {"deep/b.tar": tar_of(samples), "deep/c.tar": tar_of(samples)},
        ),
        "braces": (
            "webdataset",
            "t-{0..1}.tar",
            {"t-1.tar": tar_of(samples), "t-0.tar": tar_of({"z.jpg": photo[2]}), "t-2.tar": tar_of(samples)},
        ),
        "classes": (
            "imagenet",
            "",
            {f"train/{wnid}/{wnid}_{n}.JPEG": photo[n] for wnid in wnids for n in range(2)},
        ),
        "flat": (
            "imagenet",
            "val",
            {
                "val/v1.JPEG": photo[0],
                "val/v2.JPEG": photo[1],
                "val/val_labels.txt": f"v1 {wnids[1]}\nv2 {wnids[0]}\n".encode(),
            },
        ),
        "nested tars": (
            "imagenet",
            "",
            {
                "ILSVRC2012_img_train.tar": tar_of(
                    {
                        f"{wnid}.tar": tar_of({f"{wnid}_{n}.JPEG": photo[n] for n in range(2)})
                        for wnid in wnids
                    }
                )
            },
        ),
        "records": (
            "jft",
            "train-*",
            {f"train-0000{n}-of-00002": tfrecord(photo[2 * n : 2 * n + 2]) for n in range(2)},
        ),
        "nested records": ("jft", "", {"cats/1.0/x.tfrecord": tfrecord(photo)}),
        "coco": (
            "coco",
            "",
            {
                "train2017/a.jpg": photo[0],
                "train2017/b.jpg": photo[1],
                "annotations/instances_train2017.json": json.dumps(instances).encode(),
            },
        ),
        "coco zip": (
            "coco",
            "",
            {
                "train2017.zip": zipped({"train2017/a.jpg": photo[0], "train2017/b.jpg": photo[1]}),
                "annotations/instances_train2017.json": json.dumps(instances).encode(),
            },
        ),
    }


KINDS = [*trees(lambda _: b"")]


def listed(dataset: str, place: str) -> tuple[list[object], list[str], list[bytes]]:
    """Items, notes and bytes."""
    config = RunConfig(dataset=dataset, input=place, output="out", split="val" if "val" in place else "train")
    source = open_source(config)
    assert isinstance(source, Listing)
    items = list(source.items())
    reader = ByteReader(source_root(config), 1 << 20)
    data = [reader.read(item.ref) for item in items]
    reader.close()
    return list(items), source.notes, data


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_at_an_address_is_the_one_in_a_folder(
    kind: str, jpeg: Jpeg, write: Callable[[dict[str, bytes]], Path], faulty_store: FaultyStore
) -> None:
    dataset, inner, files = trees(jpeg)[kind]
    root = write(files)
    faulty_store.page = 2
    faulty_store.objects = {f"set/{name}": data for name, data in files.items()}
    local = listed(dataset, f"{root}/{inner}".rstrip("/"))
    far = listed(dataset, f"s3://bucket/set/{inner}")
    assert far == local
    assert len(local[0]) > 1


def test_an_image_must_have_more_time_than_a_request(jpeg: Jpeg, faulty_store: FaultyStore) -> None:
    faulty_store.objects = {"a.jpg": jpeg(0)}  # tried for 2 s, and silent for 1 s
    config = RunConfig(dataset="folder", input="s3://bucket", output="out", image_timeout=3.0)
    with pytest.raises(UsageError, match="--image-timeout is too short") as caught:
        open_source(config)
    assert "may take 3 s" in caught.value.cause
    assert open_source(replace(config, image_timeout=3.1))


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_the_bucket_itself_may_be_the_input(jpeg: Jpeg, faulty_store: FaultyStore, scheme: str) -> None:
    faulty_store.objects = {"a.jpg": jpeg(0), "cats/b.jpg": jpeg(1)}
    items, _, data = listed("folder", f"{scheme}://bucket")
    assert [item.path for item in items] == ["a.jpg", "cats/b.jpg"]  # type: ignore[attr-defined]
    assert data == [jpeg(0), jpeg(1)]


def test_what_is_missing_is_named(amazon: Any, jpeg: Jpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    amazon.put_object(Bucket="photos", Key="set/a.jpg", Body=jpeg(0))
    for dataset in ("folder", "webdataset"):
        with pytest.raises(UsageError, match="no such bucket: s3://nowhere/set"):
            source_root(RunConfig(dataset=dataset, input="s3://nowhere/set", output="out"))
    with pytest.raises(UsageError, match="the input is not there: s3://photos/Set") as caught:
        open_source(RunConfig(dataset="folder", input="s3://photos/Set", output="out"))
    assert "no object of this key" in str(caught.value)
    with pytest.raises(SourceFault, match=r"no file is named b-1\.tar"):
        listed("webdataset", "s3://photos/set/b-{1..2}.tar")
    with pytest.raises(UsageError, match="needs a folder"):
        listed("folder", "s3://photos/set/a.jpg")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "0.2")
    for _ in range(2):
        with pytest.raises(EnvironmentFault, match="no credentials") as refused:
            open_source(RunConfig(dataset="folder", input="s3://photos/set", output="out"))
        assert "AWS_SECRET_ACCESS_KEY" in refused.value.remedy
        assert "secret-of-somebody" not in str(refused.value)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)


def test_an_object_that_is_gone_or_another_one_is_the_images_fault_and_a_silent_store_is_not(
    jpeg: Jpeg, faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tar_of({"x.jpg": jpeg(0)}) + bytes(1 << 20)
    faulty_store.objects = {"a.jpg": jpeg(0), "b.tar": archive, "c.jpg": jpeg(1)}
    reader = ByteReader(ObjectLocation("s3://bucket", ""), 4 << 20)
    whole = ByteRef("a.jpg", 0, len(jpeg(0)))
    faulty_store.faults += [("GET", "a.jpg", "cut"), ("GET", "a.jpg", "503")]
    assert reader.read(whole) == jpeg(0)
    with pytest.raises(ImageFault, match="truncated-source"):
        reader.read(ByteRef("a.jpg", 0, len(jpeg(0)) + 1))
    with pytest.raises(ImageFault, match="no such object"):
        reader.read(ByteRef("gone.jpg", 0, 5))
    reader.read(ByteRef("b.tar", 512, 100))
    faulty_store.objects["b.tar"] = archive[::-1]
    with pytest.raises(ImageFault, match="changed while it was read"):
        reader.read(ByteRef("b.tar", 1 << 20, 100))
    assert reader.read(ByteRef("b.tar", 1 << 20, 100)) == archive[::-1][1 << 20 :][:100]
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "0.2")
    faulty_store.left = 0
    with pytest.raises(EnvironmentFault, match=r"s3://bucket/c\.jpg"):
        reader.read(ByteRef("c.jpg", 0, len(jpeg(1))))


def test_memory_is_bounded_and_a_photo_is_one_request(faulty_store: FaultyStore) -> None:
    photo = bytes(1 << 20)
    faulty_store.objects = {f"{number}.jpg": photo for number in range(12)}
    reader = ByteReader(ObjectLocation("s3://bucket", ""), 4 << 20)
    tracemalloc.start()
    for number in range(12):
        assert len(reader.read(ByteRef(f"{number}.jpg", 0, len(photo)))) == len(photo)
    assert tracemalloc.get_traced_memory()[1] < 6 * len(photo)
    tracemalloc.stop()
    assert faulty_store.asked == {"GET": 12}
