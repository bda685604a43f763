"""Listings of an object store: a folder's order and entries, whatever the size of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faulty_store import FaultyStore

from maskgen.errors import EnvironmentFault, SourceFault
from maskgen.io.folders import entries, walk_folder
from maskgen.io.storage import ranges
from maskgen.io.storage.bucket import Bucket, Entry
from maskgen.io.storage.listing import list_objects, list_widely, walk_objects, written_times
from maskgen.io.storage.location import ObjectLocation

NAMES = ("b/x.jpg", "b.jpg", "b-a.jpg", "a.txt", ".hidden", ".h/y.jpg", "b/.z/q.jpg", "ü/ö.jpg", "b/0/1.jpg")


@pytest.mark.parametrize("page", [1, 1000])
def test_a_walk_and_a_level_tell_what_those_of_a_folder_tell(
    faulty_store: FaultyStore, tmp_path: Path, page: int
) -> None:
    faulty_store.page = page
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
        faulty_store.objects[f"root/{name}"] = b"12"
    faulty_store.objects["root-not/c.jpg"] = b"12"
    far = ObjectLocation("s3://bucket", "root")
    assert list(walk_folder(far)) == list(walk_folder(tmp_path))
    for inner in ("", "b", "ü"):
        there, here = (far / inner, tmp_path / inner) if inner else (far, tmp_path)
        assert entries(there) == entries(here)
    assert [one.key for one in walk_objects(far)] == sorted(NAMES, key=str.encode)
    assert (far / "b" / "x.jpg").relative_to(far).as_posix() == "b/x.jpg"


def test_a_listing_in_ranges_is_that_of_one_walk(
    faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "ALONE", 20)
    monkeypatch.setattr(ranges, "PAGE", 5)
    faulty_store.objects = {f"root/{number:03d}.json": b"1" for number in range(200)} | {"z.json": b"1"}
    far = ObjectLocation("s3://bucket", "root")
    assert list_widely(far) == list(walk_objects(far))
    assert list_widely(far / "none") == []


def test_marks_of_folders_are_passed_over(amazon: Any) -> None:
    """As consoles leave them: the store gives their names without the slash at the end."""
    names = ("p/", "p/cats/", "p/cats/a.jpg", "p/cats.txt", "p/dogs.v1-x.jpg", "p/dogs.v1/", "p/empty/")
    for name in names:
        amazon.put_object(Bucket="photos", Key=name, Body=b"" if name.endswith("/") else b"1")
    folder = ObjectLocation("s3://photos", "p")
    assert [one.key for one in walk_objects(folder)] == ["cats.txt", "cats/a.jpg", "dogs.v1-x.jpg"]
    folders, objects = list_objects(folder)
    assert folders == ["cats", "dogs.v1", "empty"]
    assert [one.key for one in objects] == ["cats.txt", "dogs.v1-x.jpg"]


def test_a_name_that_cannot_be_used_is_told(amazon: Any) -> None:
    amazon.put_object(Bucket="photos", Key="q/a//b.jpg", Body=b"1")
    with pytest.raises(EnvironmentFault, match="a name that cannot be used: s3://photos/q") as caught:
        list(walk_folder(ObjectLocation("s3://photos", "q")))
    assert 'Path "q/a//b.jpg" contained empty path segment' in caught.value.cause
    assert "rename" in caught.value.remedy


def test_no_such_bucket_and_no_order_are_told(amazon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for use in (entries, lambda place: list(walk_folder(place))):
        with pytest.raises(SourceFault, match="cannot list a folder: s3://nowhere/x") as caught:
            use(ObjectLocation("s3://nowhere", "x"))
        assert caught.value.cause == "no such bucket"
    mixed = [Entry("b.jpg", 1, "", 0), Entry("a.jpg", 1, "", 0)]
    monkeypatch.setattr(Bucket, "walk", lambda *_: iter(mixed))
    with pytest.raises(SourceFault, match="in no order"):
        list(walk_folder(ObjectLocation("s3://photos", "")))


def test_times_of_neighbors_come_by_one_listing_and_of_others_one_by_one(faulty_store: FaultyStore) -> None:
    names = [f"{number:03d}.jpg" for number in range(60)]
    for name in names:
        faulty_store.objects[f"root/{name}"] = b"1"
    faulty_store.written = {"root/007.jpg": "2030-01-02"}
    root = ObjectLocation("s3://bucket", "root")
    old, young = 1445412480 * 10**9, 1893569280 * 10**9  # by date -u -d "2015-10-21 07:28" +%s
    told = written_times(root, names[5:25])
    assert told == {name: young if name == "007.jpg" else old for name in names[5:25]}
    assert faulty_store.asked == {"GET": 1}
    far = [*names[:17], *names[-3:], "absent.jpg"]
    assert written_times(root, far) == {
        name: 0 if "a" in name else young if "07" in name else old for name in far
    }
    assert written_times(root, ["007.jpg", "gone"]) == {"007.jpg": young, "gone": 0}
    assert faulty_store.asked["HEAD"] == 3
