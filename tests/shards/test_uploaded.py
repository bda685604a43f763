"""A data set in an object store: the record is created last, a rival is told, leftovers are found."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from faulty_store import FaultyStore

from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.io.storage.location import ObjectLocation
from maskgen.io.storage.nearby import nearby
from maskgen.shards import manifest, naming
from maskgen.shards import verify as verify_module
from maskgen.shards.plan import has_rows_of, read_plan, shard_rows
from maskgen.shards.record import read_records
from maskgen.shards.uploaded import Upload, UploadedFolder
from maskgen.shards.verify import repair, verify

pytestmark = pytest.mark.slow  # its fixture is

STORES = pytest.mark.parametrize("scheme", ["s3", "gs"])


def files(path: Path) -> dict[str, bytes]:
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def stored(store: FaultyStore) -> dict[str, bytes]:
    return {key.removeprefix("deep/shards/"): data for key, data in store.objects.items()}


@dataclasses.dataclass
class Room:
    """A committed data set in a folder, and what becomes of it in a store."""

    made: Any
    store: FaultyStore
    tmp_path: Path
    scheme: str = "s3"

    @property
    def location(self) -> ObjectLocation:
        return ObjectLocation(f"{self.scheme}://bucket", "deep/shards")

    def pull(self, task: tuple[int, int] = (0, 1)) -> UploadedFolder:
        folder = self.tmp_path / f"work-{len(list(self.tmp_path.glob('work-*')))}"
        folder.mkdir()
        return UploadedFolder.pull(self.location, folder, task)

    def claim(self, plan: Any = None) -> UploadedFolder:
        """As a run does: the plan is settled in the folder, then claimed."""
        whole, plan = self.pull(), plan or self.made.plan
        shutil.copy(self.made.path / naming.PLAN_TABLE, whole.folder)
        (whole.folder / naming.PLAN).write_bytes(plan.render())
        whole.claim(plan)
        return whole

    def publish(self, number: int) -> None:
        """Send a shard, as a worker that has just made it."""
        record = list(read_records(self.made.path))[number]
        work = self.tmp_path / "worker"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(self.made.path, work)
        Upload(self.location).publish(work, record)
        assert not list(work.glob(f"{record.name}.*")), "the files are sent and gone"

    def finish(self) -> None:
        whole = self.claim()
        for number in range(2):
            self.publish(number)
        whole.write_manifest(self.made.plan)


@pytest.fixture
def room(committed: Any, faulty_store: FaultyStore, tmp_path: Path) -> Room:
    return Room(committed, faulty_store, tmp_path)


@STORES
def test_the_store_holds_what_a_folder_would(room: Room, scheme: str) -> None:
    room.scheme = scheme
    room.finish()
    assert stored(room.store) == files(room.made.path)
    for level in ("quick", "hashes", "full"):
        report = verify(str(room.location), level)
        assert (report.shards, report.samples, report.faults) == (2, 3, ())
    assert manifest.read(room.location) == manifest.read(room.made.path)


def test_whatever_request_is_the_last_no_shard_is_half_there_and_the_next_attempt_ends_alike(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "0.01")
    room.claim()
    name = room.made.plan.shards[0].name
    own = {key: data for key, data in files(room.made.path).items() if name in key}
    before = dict(room.store.objects)
    ended = False
    count = 0
    while not ended:
        room.store.objects = dict(before)
        room.store.left = count
        try:
            room.publish(0)
            ended = True
        except EnvironmentFault:
            pass
        room.store.left = None
        there = {key: data for key, data in stored(room.store).items() if name in key}
        assert there.items() <= own.items()
        if f"records/{name}.json" in there:
            assert there == own
        room.publish(0)
        assert {key: data for key, data in stored(room.store).items() if name in key} == own
        count += 1
    assert count > 8, "every request was once the last"


def test_two_who_make_the_same_shard_both_succeed(room: Room) -> None:
    room.finish()
    before = dict(room.store.objects)
    room.publish(0)
    assert room.store.objects == before


def test_another_record_is_refused_with_exit_status_2(room: Room) -> None:
    room.finish()
    (record, _) = read_records(room.made.path)
    other = dataclasses.replace(record, samples=1, failed=1)
    with pytest.raises(UsageError, match="another object of that name") as caught:
        Upload(room.location).publish(room.made.path, other)
    assert caught.value.exit_code == 2


def test_leftovers_of_other_content_are_refused_listed_and_moved_aside(room: Room) -> None:
    whole = room.claim()
    names = [f"{room.made.plan.shards[0].name}.{suffix}" for suffix in naming.SUFFIXES]
    for name in names:
        room.store.objects[f"deep/shards/{name}"] = b"x" * len((room.made.path / name).read_bytes())
    with pytest.raises(UsageError, match=names[0]) as caught:
        room.publish(0)
    assert "--repair" in caught.value.remedy
    assert f"records/{room.made.plan.shards[0].name}.json" not in stored(room.store)
    whole.write_manifest(room.made.plan)
    assert set(names) <= {fault.where for fault in verify(str(room.location), "quick").faults}
    assert sorted(room.pull().set_aside()) == sorted(names)
    assert {f"set-aside/{name}" for name in names} <= stored(room.store).keys()
    room.finish()
    assert not verify(str(room.location), "quick").faults


def test_a_leftover_of_the_same_content_is_taken(room: Room) -> None:
    room.claim()
    name = f"{room.made.plan.shards[0].name}.tar"
    room.store.objects[f"deep/shards/{name}"] = (room.made.path / name).read_bytes()
    room.publish(0)
    assert f"records/{room.made.plan.shards[0].name}.json" in stored(room.store)


@STORES
def test_faults_that_pass_leave_the_same_bytes(room: Room, scheme: str) -> None:
    room.scheme = scheme
    ends = (".tar", ".idx", ".parquet", "000000.json", "plan.json", "manifest.json")
    faults = itertools.cycle(("lost", "503", "409", "429", "lost", "500", "409"))
    room.store.faults += [("PUT", end, next(faults)) for end in ends * 3]
    room.store.faults += [("HEAD", ".tar", "503"), ("GET", ".json", "500")]
    room.finish()
    assert not room.store.faults
    assert stored(room.store) == files(room.made.path)


def test_another_plan_is_refused_and_changes_nothing(room: Room) -> None:
    room.finish()
    before = dict(room.store.objects)
    other = dataclasses.replace(room.made.plan, identity={**room.made.plan.identity, "plan": "1"})
    with pytest.raises(UsageError, match="claimed this address"):
        room.claim(other)
    assert room.store.objects == before


def test_shards_without_a_plan_are_not_ours_to_touch(room: Room) -> None:
    room.store.objects[f"deep/shards/{room.made.plan.shards[1].name}.tar"] = b"somebody's"
    before = dict(room.store.objects)
    with pytest.raises(UsageError, match="no plan"):
        room.claim()
    assert room.store.objects == before


def test_a_rivals_table_between_ours_and_our_plan_is_put_right(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs with other options start on one address: the table of the one that lost was written last."""
    send: Callable[..., None] = UploadedFolder._send_table

    def then_the_rival(whole: UploadedFolder, plan: Any) -> None:
        send(whole, plan)
        if "deep/shards/plan.json" not in room.store.objects:
            room.store.objects[f"deep/shards/{naming.PLAN_TABLE}"] = b"of the rival"

    monkeypatch.setattr(UploadedFolder, "_send_table", then_the_rival)
    room.claim()
    assert stored(room.store) == {
        name: data for name, data in files(room.made.path).items() if name.startswith("plan.")
    }


def test_who_resumes_reads_the_rows_of_a_shard_alone(room: Room) -> None:
    room.finish()
    before = dict(room.store.objects)
    whole = room.pull()
    assert not (whole.folder / naming.PLAN_TABLE).exists()
    rows = whole.target.rows(whole.folder)
    assert rows == room.location
    for number, shard in enumerate(room.made.plan.shards):
        room.store.log.clear()
        assert shard_rows(rows, number, shard.digest) == shard_rows(room.made.path, number)
        assert len(room.store.log) <= 5
    whole.claim(room.made.plan)
    assert room.store.objects == before
    with whole.target.node_folder(whole.folder) as node:
        assert read_plan(node) == room.made.plan
        assert whole.target.rows(node) == room.location


def test_verify_makes_no_copy_of_the_plans_table(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of 300 million photos has ten gigabytes, and a local disk perhaps not."""
    room.finish()
    copied: list[str] = []

    def copy(folder: Any, names: Iterable[str]) -> Any:
        listed = list(names)
        copied.extend(listed)
        return nearby(folder, listed)

    monkeypatch.setattr(verify_module, "nearby", copy)
    assert not verify(str(room.location)).faults
    assert copied
    assert not set(naming.PLAN_FILES) & set(copied)
    key = f"deep/shards/{naming.PLAN_TABLE}"
    room.store.objects[key] = room.store.objects[key][:-30] + b"x" * 30
    (fault,) = verify(str(room.location), "quick").faults
    assert (fault.where, "another SHA-256" in fault.text) == (naming.PLAN_TABLE, True)


def test_a_table_that_is_another_is_removed_by_repair(room: Room) -> None:
    room.finish()
    whole = room.pull()
    whole.drop_other_table(room.made.plan)
    assert has_rows_of(room.location, room.made.plan)
    key = f"deep/shards/{naming.PLAN_TABLE}"
    room.store.objects[key] = room.store.objects[key][:-30] + b"x" * 30
    assert not has_rows_of(room.location, room.made.plan)
    whole.drop_other_table(room.made.plan)
    assert key not in room.store.objects
    whole.drop_other_table(room.made.plan)


def test_a_damaged_plan_is_replaced(room: Room) -> None:
    room.finish()
    room.store.objects["deep/shards/plan.json"] = b"{}"
    room.claim()
    assert stored(room.store) == files(room.made.path)


def test_a_record_of_somebody_else_is_in_the_manifest(room: Room) -> None:
    """Whoever writes the manifest last has listed every record, those committed in between too."""
    one, two = room.claim(), room.claim()
    room.publish(0)
    one.write_manifest(room.made.plan)
    assert not manifest.read(room.location).complete
    room.publish(1)
    two.write_manifest(room.made.plan)
    assert manifest.read(room.location) == manifest.read(room.made.path)


def test_a_task_copies_the_records_of_its_own_shards_and_sees_when_all_are_there(room: Room) -> None:
    assert list(read_records(room.pull((1, 2)).folder)) == [], "there is no plan yet"
    whole = room.claim()
    room.publish(0)
    assert not whole.is_complete(room.made.plan)
    room.publish(1)
    assert whole.is_complete(room.made.plan)
    room.store.log.clear()
    records = list(read_records(room.pull((1, 2)).folder))
    assert [record.name for record in records] == [room.made.plan.shards[1].name]
    asked = [key for method, key in room.store.log if method == "GET" and f"{naming.RECORDS}/" in key]
    assert len(asked) == 1


def test_a_withdrawn_shard_is_gone_and_its_table_is_kept_until_it_is_there_again(room: Room) -> None:
    room.finish()
    name = room.made.plan.shards[1].name
    whole = room.pull()
    whole.withdraw(name)
    assert not [key for key in stored(room.store) if name in key and not key.endswith(".withdrawn")]
    assert whole.knows_table(name)
    kept = stored(room.store)[f"records/{name}.withdrawn"]
    assert kept == (room.made.path / f"{name}.parquet").read_bytes()
    assert (room.pull().folder / naming.RECORDS / f"{name}.withdrawn").read_bytes() == kept
    room.publish(1)
    whole.write_manifest(room.made.plan)
    assert stored(room.store) == files(room.made.path)


def test_damage_is_found_withdrawn_and_made_again(room: Room) -> None:
    room.finish()
    name = room.made.plan.shards[0].name
    data = bytearray(room.store.objects[f"deep/shards/{name}.tar"])
    data[700] ^= 1
    room.store.objects[f"deep/shards/{name}.tar"] = bytes(data)
    assert [fault.where for fault in verify(str(room.location)).faults] == [name]
    assert repair(str(room.location)) == [name]
    assert not manifest.read(room.location).complete
    room.finish()
    assert not verify(str(room.location), "full").faults


def test_a_missing_file_of_a_committed_shard_is_told(room: Room) -> None:
    room.finish()
    whole = room.pull()
    whole.check_sizes(read_records(whole.folder))
    del room.store.objects[f"deep/shards/{room.made.plan.shards[0].name}.idx"]
    with pytest.raises(ShardFault, match="missing"):
        whole.check_sizes(read_records(whole.folder))


def test_the_log_of_each_process_stands_by_itself(room: Room) -> None:
    room.finish()
    for _ in range(2):
        whole = room.pull()
        (whole.folder / naming.LOG).write_text('{"shard": "a"}\n')
        whole.send_log()
    logs = [data for key, data in stored(room.store).items() if key.startswith("logs/")]
    assert [json.loads(data) for data in logs] == [{"shard": "a"}] * 2
