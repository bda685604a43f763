"""The parts of a walk: in their order they are the walk, on a disk and in a store."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import pytest
from faulty_store import FaultyStore

from maskgen.errors import SourceFault
from maskgen.io.folders import walk_folder
from maskgen.io.storage import ranges
from maskgen.io.storage.location import Location, ObjectLocation
from maskgen.io.walks import WHOLE, walk_parts

NAMES = [f"{folder}{number:02d}.jpg" for folder in ("", "b/", "b-a/", "b/c/", "ü/") for number in range(9)]


@pytest.mark.parametrize("far", [False, True])
def test_parts_are_the_walk(
    faulty_store: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    monkeypatch.setattr(ranges, "ALONE", 5)
    monkeypatch.setattr(ranges, "PAGE", 3)
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
        faulty_store.objects[f"root/{name}"] = b"12"
    root: Location = ObjectLocation("s3://bucket", "root") if far else tmp_path
    parts = pickle.loads(pickle.dumps(walk_parts(root, 8)))
    found = [[entry.name for entry in part(root)] for part in parts]
    whole = [entry.name for entry in walk_folder(tmp_path)]
    assert list(itertools.chain(*found)) == whole == [entry.name for entry in WHOLE(root)]
    assert len(parts) > 3
    assert parts[0].least == b""
    for part, names, before in zip(parts[1:], found[1:], found, strict=False):
        assert all(name.encode() >= part.least for name in names)
        assert all(name.encode() < part.least for name in before)


def test_a_bucket_that_is_not_there_is_told(amazon: Any) -> None:
    assert amazon
    with pytest.raises(SourceFault, match="cannot list a folder"):
        walk_parts(ObjectLocation("s3://nowhere", "root"), 4)
