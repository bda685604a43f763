"""Photos are found by path, key and stem."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.evaluation.pairs import MaskEntry
from maskgen.evaluation.reading import Blob
from maskgen.report.photos import list_photos, photo_of
from maskgen.report.sample import Sample


def sample(*names: str, path: str = "elsewhere", photo: Blob | None = None) -> Sample:
    return Sample(MaskEntry(names, Blob("mask"), photo), path, None, 0.0, None, 0)


def test_photos_are_found_by_path_key_and_a_stem_that_is_only_theirs(tmp_path: Path) -> None:
    for path in ("a/cat.jpg", "b/cat.PNG", "b/my dog.jpeg", "b/notes.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    photos = list_photos(tmp_path)
    cat, other, dog = (Blob(str(tmp_path / path)) for path in ("a/cat.jpg", "b/cat.PNG", "b/my dog.jpeg"))
    assert photo_of(sample("x", path="b/cat.PNG"), photos) == other
    assert photo_of(sample("a_cat", "cat"), photos) == cat
    assert photo_of(sample("b_cat"), photos) == other
    assert photo_of(sample("cat"), photos) is None
    assert photo_of(sample("b_my_dog"), photos) == photo_of(sample("my dog"), photos) == dog
    assert photo_of(sample("notes"), photos) is None
    own = Blob("shard.tar", 512, 9)
    assert photo_of(sample("b_cat", photo=own), photos) == own


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos-000000.tar").touch()
    with pytest.raises(UsageError, match=r"no photo in this folder(.|\n)*maskgen preview --photos"):
        list_photos(tmp_path)
