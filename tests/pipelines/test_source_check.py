"""A photo replaced by another of the same size: by the whole source, at the start of a run, by its shard."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from faulty_store import FaultyStore

from maskgen.config.run_config import RunConfig, make_config
from maskgen.errors import UsageError
from maskgen.io.storage.location import ObjectLocation
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.shard.make import ShardJob, ShardResult, make_shard
from maskgen.pipelines.shard.stages import Stages
from maskgen.pipelines.source_check import Places, check_source, check_there, name_some, note_touched
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards import manifest, naming
from maskgen.shards.commit import withdraw
from maskgen.shards.plan import Plan, read_plan, shard_rows
from maskgen.shards.record import Record


def photo(number: int, comment: bytes) -> bytes:
    """A JPEG with a comment of four bytes: any two comments give files of one size."""
    pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
    data = bytes(cv2.imencode(".jpg", pixels)[1])
    return data[:2] + b"\xff\xfe\x00\x06" + comment + data[2:]


@dataclass(frozen=True)
class Made:
    """A folder of photos and their shards, made in this process."""

    photos: Path
    shards: Path
    config: RunConfig

    def make(self, number: int) -> ShardResult:
        plan = read_plan(self.shards)
        config = resolve(self.config)
        job = ShardJob(self.shards, number, plan.shards[number].name, plan.members, plan.fingerprint)
        rows = shard_rows(self.shards, number)
        result = make_shard(job, rows, Stages(config, plan.members), Watch(list(IDLE)))
        manifest.write(self.shards)
        return result

    def records(self) -> tuple[Plan, dict[int, Record]]:
        plan = read_plan(self.shards)
        names = [shard.name for shard in plan.shards]
        return plan, {names.index(record.name): record for record in manifest.read(self.shards).shards}

    def places(self, photos: Path | ObjectLocation | None = None) -> Places:
        return Places(photos or self.photos, self.shards, self.shards, self.shards)

    def replace(self, name: str) -> None:
        path = self.photos / name
        before = path.stat().st_size
        path.write_bytes(photo(int(path.stem[-1]), b"new!"))
        assert path.stat().st_size == before


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Six photos in two folders, three shards."""
    for number in range(6):
        path = tmp_path / "photos" / "ab"[number % 2] / f"p{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(number, b"old!"))
    values = {"dataset": "folder", "input": str(tmp_path / "photos"), "output": str(tmp_path / "shards")}
    config = make_config({**values, "method": "box", "background": "none", "shard_size": 2})
    made = Made(tmp_path / "photos", tmp_path / "shards", config)
    prepare(resolve(config))
    for number in range(3):
        assert made.make(number).changed == ()
    return made


def test_the_whole_source(made: Made) -> None:
    seen: list[int] = []
    assert list(check_source(made.shards, made.photos, seen.append)) == []
    assert seen == [1, 2, 3, 4, 5, 6]
    made.replace("a/p2.jpg")
    (made.photos / "b" / "p5.jpg").unlink()
    changed, gone = check_source(made.shards, made.photos)
    assert (changed.where, gone.where) == ("folder-train-000000", "folder-train-000002")
    assert changed.text == "a_p2: a/p2.jpg is not the photo that the sample was made of: another SHA-256"
    assert gone.text.startswith("b_p5: b/p5.jpg can no longer be read (unreadable: b/p5.jpg: No such file")


def test_shards_without_their_plan_or_another_source(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the input is not there"):
        list(check_source(made.shards, tmp_path / "elsewhere"))
    (made.shards / naming.PLAN_TABLE).unlink()
    with pytest.raises(UsageError, match=r"without its plan.*\n.*copy plan\.json"):
        list(check_source(made.shards, made.photos))


def test_a_resumed_run_names_what_has_changed_in_committed_shards(made: Made) -> None:
    assert note_touched(made.places(), *made.records()) == []
    os.utime(made.photos / "a" / "p0.jpg")  # younger, and the same
    assert note_touched(made.places(), *made.records()) == []
    made.replace("a/p2.jpg")
    (note,) = note_touched(made.places(), *made.records())
    assert note.startswith("1 photo has changed since the shards were made")
    assert "(a/p2.jpg)" in note
    assert "verify --source" in note


def test_a_source_at_an_address_is_looked_at_and_compared_alike(
    made: Made, faulty_store: FaultyStore
) -> None:
    names = [path.relative_to(made.photos).as_posix() for path in made.photos.rglob("*.jpg")]
    faulty_store.objects = {f"photos/{name}": (made.photos / name).read_bytes() for name in names}
    root = ObjectLocation("s3://bucket", "photos")
    assert note_touched(made.places(root), *made.records()) == []
    assert list(check_source(made.shards, str(root))) == []
    faulty_store.written = {"photos/a/p0.jpg": "2040-01-01", "photos/a/p2.jpg": "2040-01-01"}
    assert note_touched(made.places(root), *made.records()) == []  # younger, and the same
    faulty_store.objects["photos/a/p2.jpg"] = photo(2, b"new!")
    del faulty_store.objects["photos/b/p5.jpg"]
    (note,) = note_touched(made.places(root), *made.records())
    assert note.startswith("1 photo has changed since the shards were made")
    assert "(a/p2.jpg)" in note
    changed, gone = check_source(made.shards, str(root))
    assert changed.text == "a_p2: a/p2.jpg is not the photo that the sample was made of: another SHA-256"
    assert gone.text == "b_p5: b/p5.jpg can no longer be read (unreadable: b/p5.jpg: no such object)"


def test_a_photo_moved_into_place_keeps_its_old_time_and_is_noticed(made: Made, tmp_path: Path) -> None:
    old = tmp_path / "old.jpg"
    old.write_bytes(photo(4, b"was!"))
    os.utime(old, (1e9, 1e9))
    old.replace(made.photos / "a" / "p4.jpg")
    assert "(a/p4.jpg)" in note_touched(made.places(), *made.records())[0]


def test_few_of_many_young_photos_are_compared(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskgen.pipelines.source_check._HASHED_AT_START", 2)
    for path in made.photos.rglob("*.jpg"):
        os.utime(path)
    (note,) = note_touched(made.places(), *made.records())
    assert note.startswith("6 photos are younger than the shards, 2 of them were compared")


def test_a_long_look_is_broken_off_and_says_so(made: Made) -> None:
    made.replace("a/p2.jpg")
    plan, records = made.records()
    assert len(note_touched(made.places(), plan, records)) == 1
    notes = note_touched(made.places(), plan, records, seconds=0)
    assert notes[-1].startswith("the files of 2 of 6 photos in finished shards were looked at for changes")
    assert "verify --source" in notes[-1]
    found = [note_touched(made.places(), plan, records, seconds=0) for _ in range(30)]
    assert {len(notes) for notes in found} == {1, 2}  # any shard may be the first


def test_a_damaged_plan_is_no_matter_of_the_notes(made: Made) -> None:
    plan, records = made.records()
    (made.shards / naming.PLAN_TABLE).write_bytes(b"damaged")
    assert note_touched(made.places(), plan, records) == []


@pytest.mark.parametrize("damage", [lambda shards, name: None, lambda shards, name: cut(shards, name, "tar")])
def test_a_shard_made_again_says_which_photo_changed(made: Made, damage: Callable[[Path, str], None]) -> None:
    made.replace("a/p2.jpg")
    damage(made.shards, "folder-train-000000")
    withdraw(made.shards, "folder-train-000000")
    withdraw(made.shards, "folder-train-000001")
    assert made.make(0).changed == ("a/p2.jpg",)
    assert made.make(1).changed == ()
    assert list((made.shards / naming.RECORDS).glob("*.withdrawn")) == []
    assert list(check_source(made.shards, made.photos)) == []
    withdraw(made.shards, "folder-train-000000")
    assert made.make(0).changed == ()  # told once


def cut(shards: Path, name: str, suffix: str) -> None:
    path = shards / f"{name}.{suffix}"
    path.write_bytes(path.read_bytes()[:-1])


def test_a_damaged_table_proves_nothing(made: Made) -> None:
    made.replace("a/p2.jpg")
    cut(made.shards, "folder-train-000000", "parquet")
    withdraw(made.shards, "folder-train-000000")
    assert made.make(0).changed == ()


def test_a_shard_withdrawn_twice_remembers_the_last_that_was_made(made: Made) -> None:
    withdraw(made.shards, "folder-train-000000")
    made.replace("a/p0.jpg")
    withdraw(made.shards, "folder-train-000000")  # nothing there: what is known stays
    assert made.make(0).changed == ("a/p0.jpg",)


def test_some_names_of_many() -> None:
    assert name_some(["a", "b", "c"]) == "a, b, c"
    assert name_some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_the_final_files_are_those_of_a_run_that_was_never_withdrawn(made: Made) -> None:
    before = {path: path.read_bytes() for path in made.shards.rglob("*") if path.is_file()}
    withdraw(made.shards, "folder-train-000002")
    made.make(2)
    assert {path: path.read_bytes() for path in made.shards.rglob("*") if path.is_file()} == before
    assert json.loads((made.shards / naming.MANIFEST).read_text())["complete"] is True


def test_a_source_of_which_nothing_is_there_is_refused(made: Made, tmp_path: Path) -> None:
    check_there(made.photos, made.shards, [0, 1, 2])
    check_there(tmp_path, made.shards, [])
    (made.photos / "a").rename(tmp_path / "a")
    check_there(made.photos, made.shards, [0, 2])  # shard 2 begins in b
    with pytest.raises(UsageError, match="none of 1 planned file"):
        check_there(made.photos, made.shards, [0])
