"""Lean shards as the first release of format 5 wrote them, read by this version."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive_kit import unpack

from maskgen.loaders import Background, MaskReader, SampleReader, TorchLoader, View, open_dataset
from maskgen.shards import manifest
from maskgen.shards.verify import verify

ARCHIVE = Path(__file__).with_name("format-5.tar.xz")
SHA256 = "540358a2bcbb07258b8aa8e44eb63b8002532a84064c4538c4b3d293ae0f7776"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert hashlib.sha256(ARCHIVE.read_bytes()).hexdigest() == SHA256, "never write it anew: see README.md"
    folder = tmp_path_factory.mktemp("golden")
    unpack(ARCHIVE, folder)
    return folder


@pytest.fixture(params=["full", "sidecar"])
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def expected(golden: Path, layout: str) -> Any:
    return json.loads((golden / "expected.json").read_text())[layout]


def test_its_members_are_those_of_then_and_verify_in_full(golden: Path, layout: str, expected: Any) -> None:
    photo = {"jpg"} if layout == "full" else set()
    assert {frozenset(one["members"]) for one in expected.values()} == {
        frozenset({"mask.png", "sat", "meta"} | photo)
    }
    report = verify(golden / layout, "full")
    assert (report.faults, report.shards, report.samples, report.failed) == ((), 2, 6, 1)
    assert manifest.read(golden / layout).format == 5


def test_masks_and_records_are_those_of_then(golden: Path, layout: str, expected: Any) -> None:
    reader = MaskReader(golden / layout)
    for key, mask in reader:
        one, record = expected[key], reader.record(key)
        _, height, width, *rest = one["meta"]
        assert list(mask.shape) == one["mask"]["shape"] == [128, 128]
        assert hashlib.sha256(mask.tobytes()).hexdigest() == one["mask"]["sha256"]
        assert (record["height"], record["width"], record["fg_box"]) == (height, width, rest[:4])
        assert (record["label"], record["confidence"]) == (rest[8], rest[14] / 1e6)
        assert round(reader.hard(key).mean() * 1e6) == rest[9]
    assert list(reader.keys()) == list(expected)


def test_samples_and_batches_are_those_of_then(golden: Path, layout: str, expected: Any) -> None:
    pytest.importorskip("torchvision")
    photos = golden / "photos" if layout == "sidecar" else None
    dataset = open_dataset(golden / layout, check_hashes=True, photos=photos)
    taken = SampleReader(dataset, ("jpg",)).take(np.arange(6), ("jpg",))
    for row, (key, one) in enumerate(expected.items()):
        assert hashlib.sha256(taken.small.fg[row].tobytes()).hexdigest() == one["mask"]["sha256"]
        assert taken.small.sat[row, 16, 16] == one["sat_middle"]
        assert struct.unpack("<18i", taken.small.meta[row].tobytes()) == tuple(one["meta"])
        original = (golden / "photos" / key.replace("_", "/", 1)).with_suffix(".jpg").read_bytes()
        assert taken.encoded["jpg"][row].tobytes() == original
    view = View(size=8, background=Background(replace="grey", p=1.0))
    batch = next(iter(TorchLoader(dataset, 6, recipe=[view], seed=12, last="partial")))
    assert batch["sample"].tolist() == [0, 3, 5, 2, 4, 1]  # the order of every version
    assert batch["label"].tolist() == [expected[key]["meta"][11] for key in batch["key"]]
