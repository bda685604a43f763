"""The same shards through webdataset, DALI, Hugging Face datasets, tarfile and tar(1): same keys, order,
pixels.
"""

from __future__ import annotations

import gc
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from maskgen.io.images.stored import decode_mask, decode_photo
from maskgen.loaders import MaskReader, open_dataset
from maskgen.loaders.dataset.shard import read_member

pytestmark = pytest.mark.slow  # its fixtures are

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

# All readers here use libjpeg-turbo and give the same pixels; another build may round the inverse transform
# or the chroma otherwise, by a level or two. A shifted, rotated or swapped channel is tens of levels away.
JPEG_MEAN, JPEG_MAX = 0.1, 4


class Sample(NamedTuple):
    """What a reader makes of one sample: key, (H, W, 3) uint8 photo, (h, w) uint8 mask."""

    key: str
    photo: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def tars(shards: Path) -> list[str]:
    return [str(path) for path in sorted(shards.glob("*.tar"))]


def own_bytes(shards: Path) -> list[tuple[str, bytes]]:
    """Every member's name and content, through our own places."""
    dataset = open_dataset(shards)
    found = []
    for shard in dataset.shards:
        with dataset.descriptor(shard) as tar:
            for row, key in enumerate(shard.keys.tolist()):
                for column, ext in enumerate(dataset.members):
                    found.append((f"{key.decode()}.{ext}", read_member(tar, shard, row, column, ext)))
    return found


def own_samples(shards: Path) -> list[Sample]:
    content = dict(own_bytes(shards))
    return [
        Sample(key, decode_photo(content[f"{key}.jpg"]), decode_mask(content[f"{key}.mask.png"]))
        for key, _ in MaskReader(shards)
    ]


def through_tarfile(shards: Path) -> Iterator[Sample]:
    for path in tars(shards):
        with tarfile.open(path) as archive:
            content = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
        for name in [name for name in content if name.endswith(".json")]:
            key = name.removesuffix(".json")
            yield _by_pil(key, content[f"{key}.jpg"], content[f"{key}.mask.png"])


def _by_pil(key: str, photo: bytes, mask: bytes) -> Sample:
    with Image.open(io.BytesIO(photo)) as image, Image.open(io.BytesIO(mask)) as grey:
        return Sample(key, np.asarray(image.convert("RGB")), np.asarray(grey.convert("L")))


def by_webdataset(shards: Path, *decoders: str) -> list[dict[str, Any]]:
    import webdataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the tars to the garbage collector
        samples = webdataset.WebDataset(tars(shards), shardshuffle=False)
        found = list(samples.decode(*decoders) if decoders else samples)
        gc.collect()
    return found


def through_webdataset(shards: Path) -> Iterator[Sample]:
    for sample in by_webdataset(shards, "pil"):
        yield Sample(
            sample["__key__"], np.asarray(sample["jpg"]), np.asarray(sample["mask.png"].convert("L"))
        )


def through_datasets(shards: Path, cache: Path, *, streaming: bool) -> Iterator[Sample]:
    import datasets

    files = {"train": tars(shards)}
    loaded = datasets.load_dataset(
        "webdataset", data_files=files, split="train", streaming=streaming, cache_dir=str(cache)
    )
    for row in loaded:
        photo, mask = row["jpg"].convert("RGB"), row["mask.png"].convert("L")
        yield Sample(row["__key__"], np.asarray(photo), np.asarray(mask))


def through_dali(shards: Path) -> Iterator[Sample]:
    from nvidia.dali import fn, pipeline_def, types

    paths = tars(shards)

    @pipeline_def(batch_size=1, num_threads=1, device_id=None)
    def graph() -> tuple[Any, ...]:
        jpg, png = fn.readers.webdataset(
            paths=paths,
            index_paths=[path[:-3] + "idx" for path in paths],
            ext=["jpg", "mask.png"],
            name="reader",
        )
        photo = fn.decoders.image(jpg, device="cpu", output_type=types.RGB)
        mask = fn.decoders.image(png, device="cpu", output_type=types.GRAY)
        return photo, mask, fn.get_property(jpg, key="source_info")

    pipeline: Any = graph()
    pipeline.build()
    for _ in range(pipeline.reader_meta("reader")["epoch_size"]):
        photo, mask, source = (np.array(output.at(0)) for output in pipeline.run())
        name = source.tobytes().decode().rpartition(":")[2]
        yield Sample(name.partition(".")[0], photo, mask[..., 0])


READERS: dict[str, Callable[[Path, Path], Iterator[Sample]]] = {
    "tarfile": lambda shards, _: through_tarfile(shards),
    "webdataset": lambda shards, _: through_webdataset(shards),
    "datasets": lambda shards, cache: through_datasets(shards, cache, streaming=False),
    "datasets-streaming": lambda shards, cache: through_datasets(shards, cache, streaming=True),
    "dali": lambda shards, _: through_dali(shards),
}


@pytest.mark.parametrize("reader", READERS)
def test_same_keys_order_and_pixels(shards: Path, tmp_path: Path, reader: str) -> None:
    read, ours = list(READERS[reader](shards, tmp_path)), own_samples(shards)
    assert [sample.key for sample in read] == [sample.key for sample in ours]
    assert len(ours) > 10
    for theirs, own in zip(read, ours, strict=True):
        assert (theirs.mask == own.mask).all(), own.key
        assert theirs.photo.shape == own.photo.shape
        off = np.abs(theirs.photo.astype(int) - own.photo)
        assert off.mean() <= JPEG_MEAN, own.key
        assert off.max() <= JPEG_MAX, own.key


def test_mask_reader_gives_the_same_masks(shards: Path) -> None:
    for (key, mask), own in zip(MaskReader(shards), own_samples(shards), strict=True):
        assert key == own.key
        assert (mask == own.mask).all()


def test_tarfile_finds_the_same_bytes_and_plain_headers(shards: Path) -> None:
    found = []
    for path in tars(shards):
        with tarfile.open(path) as archive:
            assert archive.format == tarfile.USTAR_FORMAT or not archive.pax_headers
            for member in archive.getmembers():
                assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
                assert member.isreg()
                found.append((member.name, archive.extractfile(member).read()))  # type: ignore[union-attr]
    assert found == own_bytes(shards)


def test_webdataset_without_decoding_finds_the_same_bytes(shards: Path) -> None:
    found = [
        (f"{sample['__key__']}.{ext}", data)
        for sample in by_webdataset(shards)
        for ext, data in sample.items()
        if not ext.startswith("__")
    ]
    assert sorted(found) == sorted(own_bytes(shards))


def test_tar_command_lists_and_extracts_the_same(shards: Path, tmp_path: Path) -> None:
    program = shutil.which("tar")
    if program is None:
        pytest.skip("tar(1) is not installed")
    found = []
    for path in tars(shards):
        listed = subprocess.run(
            [program, "--list", "--file", path], capture_output=True, text=True, check=True
        )
        assert listed.stderr == ""
        subprocess.run([program, "--extract", "--file", path, "--directory", str(tmp_path)], check=True)
        found += [(name, (tmp_path / name).read_bytes()) for name in listed.stdout.splitlines()]
    assert found == own_bytes(shards)


def test_index_is_what_the_tool_of_dali_writes(shards: Path, tmp_path: Path) -> None:
    for path in tars(shards):
        theirs = tmp_path / "theirs.idx"
        subprocess.run([sys.executable, "-m", "wds2idx", path, str(theirs)], capture_output=True, check=True)
        assert theirs.read_text() == Path(path).with_suffix(".idx").read_text()


def test_raw_members_are_little_endian_arrays_of_the_mask(shards: Path) -> None:
    """What the docs tell readers of other languages: shapes, types and byte order."""
    content = dict(own_bytes(shards))
    for sample in own_samples(shards):
        table = np.frombuffer(content[f"{sample.key}.sat"], "<u2").reshape(33, 33)
        small = np.frombuffer(content[f"{sample.key}.fg"], "u1").reshape(128, 128)
        meta = np.frombuffer(content[f"{sample.key}.meta"], "<i4")
        assert (np.diff(table.astype(int), axis=0) >= 0).all()
        assert (np.diff(table.astype(int), axis=1) >= 0).all()
        assert abs(small.mean() - sample.mask.mean()) < 1.5
        assert (meta.size, tuple(meta[1:3])) == (18, sample.photo.shape[:2])
        assert meta[17] == round(1e6 * json.loads(content[f"{sample.key}.json"])["confidence"])
