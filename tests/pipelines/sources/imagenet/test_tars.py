"""The original tars: what is recalled of them is what was read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archive_kit import tar_of

from maskgen.errors import SourceFault
from maskgen.pipelines.sources.imagenet.tars import class_tar_photos, class_tars, flat_tar_photos
from maskgen.pipelines.sources.parts import Notes, Subject, read_anew


def as_json(subject: Subject, make: Callable[[], Any]) -> Any:
    """What comes back from a memory."""
    assert subject.files
    return json.loads(json.dumps(make()))


def test_class_tars_and_their_photos(tmp_path: Path) -> None:
    path = tmp_path / "train.tar"
    inner = {
        f"{wnid}.tar": tar_of({f"{wnid}_1.JPEG": b"one", "x.txt": b"x"})
        for wnid in ("n00000002", "n00000001")
    }
    path.write_bytes(tar_of(inner))
    found = class_tars(path, read_anew)
    assert [one.wnid for one in found] == ["n00000001", "n00000002"]
    assert class_tars(path, as_json) == found
    notes = Notes()
    (photo,) = class_tar_photos(path, tmp_path, found[1], notes)
    assert path.read_bytes()[photo.ref.offset :][: photo.ref.size] == b"one"
    assert photo.path == "train.tar/n00000002.tar/n00000002_1.JPEG"
    assert len(notes.lines()) == 1


def test_flat_tars(tmp_path: Path) -> None:
    path = tmp_path / "val.tar"
    path.write_bytes(tar_of({"b.JPEG": b"bb", "a.JPEG": b"a", "x.txt": b""}))
    first, second = Notes(), Notes()
    photos = flat_tar_photos(path, tmp_path, first, read_anew)
    assert [photo.name for photo in photos] == ["a", "b"]
    assert flat_tar_photos(path, tmp_path, second, as_json) == photos
    assert first.lines() == second.lines() != []
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(SourceFault, match=r"val\.tar"):
        flat_tar_photos(path, tmp_path, Notes(), read_anew)
