"""Looks of files: the same as long as a file is, another one once it is not, and none while it is young."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from faulty_store import FaultyStore

from maskgen.io.storage import looks as module
from maskgen.io.storage.location import Location, ObjectLocation
from maskgen.io.storage.looks import looks


def look(place: Location) -> str:
    return looks([place])[place]


def put(path: Path, data: bytes, time: int = 1_000_000_000) -> str:
    path.write_bytes(data)
    os.utime(path, (time, time))
    return look(path)


def test_any_change_of_a_file_is_another_look(tmp_path: Path) -> None:
    path = tmp_path / "a"
    seen = [put(path, b"one"), put(path, b"three"), put(path, b"seven"), put(path, b"seven", 1_000_000_001)]
    (tmp_path / "b").write_bytes(b"eight")
    os.utime(tmp_path / "b", (1_000_000_001, 1_000_000_001))
    (tmp_path / "b").rename(path)
    assert len({*seen, look(path)}) == 5  # also of the same size and time
    assert look(path) == look(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert look(link) == look(path)


def test_a_young_file_and_one_that_is_not_there_have_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    assert looks([tmp_path / "a", tmp_path / "b"]) == {tmp_path / "a": "", tmp_path / "b": ""}


def test_many_are_told_as_few_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / str(number) for number in range(7)]
    alone = {path: put(path, bytes(number)) for number, path in enumerate(paths)}
    monkeypatch.setattr(module, "_CHUNK", 2)
    assert looks(paths) == alone


def test_objects_are_told_by_their_etags_in_one_listing_if_there_are_many(
    faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"set/{number}.tar" for number in range(6)]
    faulty_store.objects = {name: name.encode() for name in names}
    places = [ObjectLocation("s3://bucket", name) for name in (*names, "set/gone.tar")]
    asked = looks(places)
    assert faulty_store.asked["HEAD"] == 7
    monkeypatch.setattr(module, "_FEW", 3)
    assert looks(places) == asked
    assert faulty_store.asked["HEAD"] == 7
    assert asked[places[-1]] == ""
    faulty_store.objects["set/0.tar"] = b"SET/0.tar"  # as long as before
    changed = looks(places)
    assert [place.key for place in places if changed[place] != asked[place]] == ["set/0.tar"]


def test_an_etag_changes_with_the_content_in_a_real_store(amazon: Any) -> None:
    place = ObjectLocation("s3://photos", "a.tar")
    seen = []
    for body in (b"one", b"two", b"two"):
        amazon.put_object(Bucket="photos", Key="a.tar", Body=body)
        seen.append(look(place))
    assert seen[0] != seen[1] == seen[2]
    assert seen[0].startswith("3 ")
