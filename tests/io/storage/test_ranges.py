"""Ranges of keys: together every object once and in order, whatever the names are."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from faulty_store import FaultyStore

from maskgen.io.storage import ranges as module
from maskgen.io.storage.bucket import Bucket
from maskgen.io.storage.listing import walk_objects
from maskgen.io.storage.location import ObjectLocation
from maskgen.io.storage.ranges import ALL_KEYS, key_ranges

DRAW = random.Random(0)
NAMES: dict[str, Callable[[int], str]] = {
    "numbers": lambda n: f"{n * 37:012d}.jpg",
    "hashes": lambda _: f"{DRAW.getrandbits(64):016x}.jpg",
    "classes": lambda n: f"n{n % 7:08d}/n{n % 7:08d}_{n}.JPEG",
    "letters": lambda n: f"{chr(48 + n % 75)}{'ü' * (n % 3)} {n}.jpg",
    "one folder is large": lambda n: f"a/{n}.jpg" if n < 3 else f"b.v1/x-{n:05d}.jpg",
    "marks": lambda n: f"p-{n // 20}.x/{'' if n % 20 == 0 else n}",
}


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("root", ["", "deep/set"])
def test_ranges_hold_every_object_once(
    faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch, names: str, root: str
) -> None:
    monkeypatch.setattr(module, "ALONE", 20)
    monkeypatch.setattr(module, "PAGE", 5)
    keys = {NAMES[names](number) for number in range(200)}
    prefix = f"{root}/" if root else ""
    faulty_store.objects = {f"{prefix}{key}": b"" if key.endswith("/") else b"1" for key in keys}
    if root:
        faulty_store.objects |= {"deep/set-2.jpg": b"1", "deep/set.jpg": b"1", "zz.jpg": b"1"}
    place = ObjectLocation("s3://bucket", root)
    whole = [entry.key for entry in walk_objects(place)]
    assert len(whole) == len([key for key in keys if not key.endswith("/")])
    found = key_ranges(place, 12)
    parts = [[entry.key for entry in walk_objects(place, one)] for one in found]
    assert [key for part in parts for key in part] == whole
    assert len(found) >= 8
    assert max(map(len, parts)) < len(whole) * 2 / 3


def test_few_objects_are_one_range_and_so_are_those_of_a_store_that_cannot_begin_anywhere(
    faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty_store.objects = {f"{number}.jpg": b"1" for number in range(9)}
    place = ObjectLocation("s3://bucket", "")
    (whole,) = key_ranges(place, 12)
    assert faulty_store.asked["GET"] == 1
    assert [entry.key for entry in walk_objects(place, whole)] == [f"{number}.jpg" for number in range(9)]
    assert faulty_store.asked["GET"] == 1, "what has been listed is not listed again"
    monkeypatch.setattr(module, "ALONE", 2)
    assert len(key_ranges(ObjectLocation("s3://bucket", ""), 3)) == 3
    monkeypatch.setattr(Bucket, "walk", None)
    assert key_ranges(ObjectLocation("az://bucket", ""), 3) == [ALL_KEYS]
