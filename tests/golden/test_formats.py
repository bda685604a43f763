"""Shards that the first release of each format wrote, read by this version: nothing in them may mean anything
else now.
"""

from __future__ import annotations

import gc
import hashlib
import io
import json
import shutil
import struct
import tarfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive_kit import unpack
from numpy.typing import NDArray
from PIL import Image

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders import Background, MaskReader, SampleReader, TorchLoader, View, open_dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.shards import manifest
from maskgen.shards.plan import format_of
from maskgen.shards.verify import verify

SHA256 = {
    2: "740a6e81ad329c2103a392b22842735d3beff88f2c0f34e049029273da4d2ca6",
    3: "014f4d6362580d36921f0acf4a169d1233210e307c644e17ba4e05cdd1a3b35b",
    4: "15db7f3ec6b5c815205cf2d5d51aa562aed9dfa2a69871fe2065977cc26801e7",
}
LAYOUTS = ("full", "sidecar")
PICTURES = {"jpg", "bg.jpg"}


def archive_of(version: int) -> Path:
    return Path(__file__).with_name(f"format-{version}.tar.xz")


@pytest.fixture(scope="module", params=SHA256)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def golden(version: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    unpack(archive_of(version), folder)
    return folder


@pytest.fixture(scope="module")
def expected(golden: Path) -> Any:
    return json.loads((golden / "expected.json").read_text())


def photos_of(layout: str, golden: Path) -> Path | None:
    return golden / "photos" if layout == "sidecar" else None


def check_member(one: dict[str, Any], ext: str, data: bytes) -> None:
    """A member has the bytes of then; what they mean is compared where it is decoded."""
    assert hashlib.sha256(data).hexdigest() == one["members"][ext]


def mask_facts(mask: NDArray[np.uint8]) -> dict[str, Any]:
    return {"shape": list(mask.shape), "sha256": hashlib.sha256(mask.tobytes()).hexdigest()}


def test_the_archive_is_the_one_of_then(version: int) -> None:
    found = hashlib.sha256(archive_of(version).read_bytes()).hexdigest()
    assert found == SHA256[version], "never write it anew: see README.md"


def test_it_holds_what_the_tests_below_are_about(expected: Any) -> None:
    for layout in LAYOUTS:
        assert len(expected[layout]) == 6
        assert {one["label"] for one in expected[layout].values()} == {0, 1}
        assert {one["shard"] for one in expected[layout].values()} == {
            f"folder-train-{n:06d}" for n in (0, 1)
        }
    members = {layout: set(expected[layout]["cats_photo-1"]["members"]) for layout in LAYOUTS}
    assert members["full"] == {"jpg", "mask.png", "bg.jpg", "json", "cls", "sat", "fg", "meta"}
    assert members["sidecar"] == members["full"] - {"jpg"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_verifies_in_full(golden: Path, layout: str) -> None:
    report = verify(golden / layout, "full")
    assert report.faults == ()
    assert (report.shards, report.samples, report.failed) == (2, 6, 1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tarfile_finds_the_members_of_then(golden: Path, expected: Any, layout: str) -> None:
    found: dict[str, set[str]] = {}
    for path in sorted((golden / layout).glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                key, _, ext = member.name.partition(".")
                check_member(expected[layout][key], ext, archive.extractfile(member).read())  # type: ignore[union-attr]
                found.setdefault(key, set()).add(ext)
    assert found == {key: set(one["members"]) for key, one in expected[layout].items()}


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_webdataset_finds_the_members_of_then(golden: Path, expected: Any, layout: str) -> None:
    webdataset = pytest.importorskip("webdataset")
    shards = [str(path) for path in sorted((golden / layout).glob("*.tar"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # webdataset leaves the closing to the collector
        samples = list(webdataset.WebDataset(shards, shardshuffle=False))
        gc.collect()
    assert [sample["__key__"] for sample in samples] == list(expected[layout])
    for sample in samples:
        one = expected[layout][sample["__key__"]]
        members = {name: data for name, data in sample.items() if not name.startswith("__")}
        assert set(members) == set(one["members"])
        for ext, data in members.items():
            check_member(one, ext, data)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_and_records_are_those_of_then(golden: Path, expected: Any, layout: str, version: int) -> None:
    reader = MaskReader(golden / layout)
    assert list(reader.keys()) == list(expected[layout])
    assert {key: mask_facts(mask) for key, mask in reader} == {
        key: one["mask"] for key, one in expected[layout].items()
    }
    for key, one in expected[layout].items():
        written, height, width, *rest = one["meta"]
        record, hard = reader.record(key), reader.hard(key)
        assert written == version
        assert (record["height"], record["width"], record["label"]) == (height, width, one["label"])
        assert (record["fg_box"], record["bg_box"]) == (rest[:4], rest[10:14])
        assert hard.shape == (height, width)
        assert round(hard.mean() * 1e6) == rest[9]
        y0, x0, y1, x1 = rest[:4]
        assert hard[y0:y1, x0:x1].sum() == hard.sum() > 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_samples_are_those_of_then(golden: Path, expected: Any, layout: str) -> None:
    photos = photos_of(layout, golden)
    dataset = open_dataset(golden / layout, check_hashes=True, photos=photos)
    reader = SampleReader(dataset, ("jpg", "bg.jpg"))
    taken = reader.take(np.arange(6), ("jpg", "bg.jpg"))
    assert reader.keys(taken.samples) == list(expected[layout])
    for row, (key, one) in enumerate(expected[layout].items()):
        small = {"sat": taken.small.sat, "fg": taken.small.fg, "meta": taken.small.meta}
        for ext, values in small.items():
            check_member(one, ext, values[row].tobytes()[: 4 * len(one["meta"]) if ext == "meta" else None])
        assert taken.small.sat[row, 16, 16] == one["sat_middle"]
        stored = [*one["meta"], -1][:18]  # no confidence before format 4
        assert struct.unpack("<18i", taken.small.meta[row].tobytes()) == tuple(stored)
        assert taken.small.meta["label"][row] == one["label"]
        for ext in one["members"]:
            check_member(one, ext, reader.encoded(row, ext).tobytes())
        if photos is not None:
            original = (photos / key.replace("_", "/", 1)).with_suffix(".jpg").read_bytes()
            assert taken.encoded["jpg"][row].tobytes() == original
        for ext in PICTURES & set(one["members"]):
            pixels = np.asarray(Image.open(io.BytesIO(taken.encoded[ext][row].tobytes())).convert("RGB"))
            assert list(pixels.shape) == one[ext]["shape"]
            assert pixels.mean(axis=(0, 1)) == pytest.approx(one[ext]["mean"], abs=0.5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["torch", "dali"])
def test_loaders_give_the_samples_of_then_in_the_order_of_then(
    golden: Path, expected: Any, layout: str, kind: str
) -> None:
    pytest.importorskip("torchvision")
    dataset = open_dataset(golden / layout, photos=photos_of(layout, golden))
    if kind == "dali":
        pytest.importorskip("nvidia.dali")
        from maskgen.loaders import DaliLoader as Loader
    else:
        Loader = TorchLoader
    batch = next(iter(Loader(dataset, 6, recipe="plain", seed=12, last="partial")))
    assert batch["sample"].tolist() == ORDER
    keys = list(expected[layout])
    assert batch["key"] == [keys[number] for number in ORDER]
    assert batch["label"].tolist() == [expected[layout][key]["label"] for key in batch["key"]]
    assert batch["masks"] is not None
    assert batch["masks"][0] is not None
    for key, mask, box in zip(batch["key"], batch["masks"][0], batch["boxes"][:, 0].numpy(), strict=True):
        _, height, width, y0, x0, y1, x1, *_ = expected[layout][key]["meta"]
        side = min(height, width)  # the largest square in the middle
        assert (box[2:] * np.array([height, width])).tolist() == pytest.approx([side, side], abs=0.01)
        rows, columns = mask[0].any(dim=1).nonzero()[:, 0], mask[0].any(dim=0).nonzero()[:, 0]
        scale = 224 / side
        shown = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
        edges = [(y0, 0, height), (x0, 1, width), (y1, 0, height), (x1, 1, width)]
        for found, (edge, axis, length) in zip(shown, edges, strict=True):
            inside = min(max(edge - float(box[axis]) * length, 0), side)
            assert float(found) == pytest.approx(inside * scale, abs=1.5 * scale)


ORDER = [0, 3, 5, 2, 4, 1]
"""Of seed 12, epoch 0: a saved state finds the same order in every version."""


def test_the_tables_hold_the_checksums_of_every_member_since_format_3(golden: Path, version: int) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    peer = pytest.importorskip("crc32c")
    for table in sorted(golden.glob("*/*.parquet")):
        with tarfile.open(table.with_suffix(".tar")) as archive:
            members = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
        for row in pq.read_table(table).to_pylist():
            for name, data in members.items():
                key, _, ext = name.partition(".")
                column = f"{ext.replace('.', '_')}_crc32c"
                assert (column in row) == (version >= 3)
                if key == row["key"]:
                    assert row.get(column) == (peer.crc32c(data) if version >= 3 else None)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_bit_that_rots_in_a_photo_is_found_as_the_format_allows(
    golden: Path, tmp_path: Path, layout: str, version: int
) -> None:
    """By each read since format 3, in shards and in the originals beside them; else by hashing them all."""
    shutil.copytree(golden, tmp_path / "set")
    dataset = open_dataset(tmp_path / "set" / layout, photos=photos_of(layout, tmp_path / "set"))
    if dataset.photos is None:
        place, file = dataset.shards[0].place(1, 0)[0] + 400, dataset.tar(dataset.shards[0])
    else:
        name = dataset.photos.where(1).partition(" at byte ")[0]
        place, file = 400, tmp_path / "set" / "photos" / name
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    reader = SampleReader(dataset, ("jpg",))
    if version < 3:
        reader.take(np.arange(6), ("jpg",))
    else:
        with pytest.raises(BrokenSample, match="CRC-32C") as caught:
            reader.take(np.arange(6), ("jpg",))
        assert caught.value.sample == 1
    photos = photos_of(layout, tmp_path / "set")
    with pytest.raises(ShardFault, match=r"SHA-256|CRC-32C"):
        open_dataset(tmp_path / "set" / layout, photos=photos, check_hashes=True)


def test_the_manifest_and_the_identity_that_a_resume_compares_say_which_format_it_is(
    golden: Path, version: int
) -> None:
    whole = manifest.read(golden / "full")
    assert (whole.format, format_of(whole.identity)) == (version, version)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_confidences_are_those_of_then_and_unknown_before_format_4(
    golden: Path, expected: Any, layout: str, version: int
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    reader = MaskReader(golden / layout)
    rows = [
        row for path in sorted((golden / layout).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    stated = {row["key"]: row.get("confidence") for row in rows if row["status"] == "ok"}
    for key, one in expected[layout].items():
        then = one["meta"][17] / 1e6 if version >= 4 else None
        assert (reader.record(key).get("confidence"), stated[key]) == (then, then)
        assert then is None or 0 < then < 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_recipe_that_asks_for_confidence_is_refused_before_format_4(
    golden: Path, layout: str, version: int
) -> None:
    law = Background(replace="grey", p=1.0, min_confidence=0.5)
    photos = photos_of(layout, golden)
    dataset = open_dataset(golden / layout, photos=photos)
    if version >= 4:
        assert len(TorchLoader(dataset, 2, recipe=[View(size=8, background=law)], seed=0)) == 3
    else:
        with pytest.raises(
            UsageError, match=rf"no confidences.*(?s:.)*shard format {version}; .* since format 4"
        ):
            TorchLoader(dataset, 2, recipe=[View(size=8, background=law)], seed=0)
