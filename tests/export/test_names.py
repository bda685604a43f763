from __future__ import annotations

from pathlib import Path

import pytest
from challenge_kit import Drawing, write_shards

from maskgen.errors import UsageError
from maskgen.export.names import check_paths, stem_of
from maskgen.loaders import Dataset, open_dataset


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("a.jpg", "a"),
        ("x/y/a.JPEG", "x/y/a"),
        ("a.v2.png", "a.v2"),
        ("a.v2", "a.v2"),
        ("part-0.tar/photo.jpg", "part-0.tar/photo"),
        ("wie schön/café.webp", "wie schön/café"),
        (".jpg", ".jpg"),
    ],
)
def test_a_path_without_its_ending(path: str, stem: str) -> None:
    assert stem_of(path) == stem


@pytest.mark.parametrize(
    "path", ["", "/etc/a.jpg", "../a.jpg", "a/../../b.jpg", "a//b.jpg", "a\nb.jpg", "a\\b.jpg"]
)
def test_a_path_that_leaves_its_folder_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="--by-key"):
        stem_of(path)


def test_two_photos_of_one_name_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    check_paths(dataset)
    shards = open_dataset(write_shards(tmp_path / "shards", [Drawing(number, 0) for number in range(3)]))
    check_paths(shards)
    paths = ["x/a.jpg", "x/b.jpg", "x/a.png"]
    monkeypatch.setattr("maskgen.export.names.shard_paths", lambda *_: paths)
    with pytest.raises(UsageError, match=r"x/a\.jpg and x/a\.png"):
        check_paths(shards)
