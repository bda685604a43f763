"""Each level of verify finds the damage that it says it finds, in the shard it is in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.io.checksum import crc32c
from maskgen.shards import commit, manifest, naming
from maskgen.shards.commit import ShardWriter
from maskgen.shards.reader import read_samples
from maskgen.shards.verify import LEVELS, repair, verify


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_sound_data_set_has_no_faults_on_any_level(committed: Any) -> None:
    for level in LEVELS:
        seen: list[int] = []
        report = verify(committed.path, level, seen.append)
        assert (report.faults, report.shards, report.samples, report.failed) == ((), 2, 3, 1)
        assert seen == [1, 2]


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_a_flipped_bit_is_found_by_hashes_and_not_by_sizes(committed: Any, suffix: str) -> None:
    name = committed.plan.shards[1].name
    flip(committed.path / f"{name}.{suffix}", 700 if suffix == "tar" else 30)
    assert verify(committed.path, "quick").faults == ()
    (fault,) = verify(committed.path, "hashes").faults
    assert (fault.where, f"the {suffix} file" in fault.text) == (name, True)


def remove_tar(path: Path, name: str) -> None:
    (path / f"{name}.tar").unlink()


def cut_table(path: Path, name: str) -> None:
    table = path / f"{name}.parquet"
    table.write_bytes(table.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [remove_tar, cut_table])
def test_sizes_are_looked_at_first(committed: Any, damage: Callable[[Path, str], None]) -> None:
    name = committed.plan.shards[0].name
    damage(committed.path, name)
    assert [fault.where for fault in verify(committed.path, "quick").faults] == [name]


def test_an_honest_hash_of_a_wrong_sample_is_found_by_full(planned: Any) -> None:
    """A tool that writes the wrong table of sums seals it all the same."""
    from dataclasses import replace

    first, second = planned.samples[0]
    other = dict(planned.samples[1][0].members)
    wrong = tuple((ext, other[ext] if ext in ("sat", "fg") else data) for ext, data in first.members)
    swapped = replace(planned, samples=((replace(first, members=wrong), second), planned.samples[1]))
    for number in range(2):
        swapped.commit(number)
    manifest.write(planned.path)
    assert verify(planned.path, "hashes").faults == ()
    faults = verify(planned.path, "full").faults
    assert {fault.where for fault in faults} == {planned.plan.shards[0].name}
    assert all(fault.text.startswith("a0: ") for fault in faults)
    assert any("summed-area table" in fault.text for fault in faults)
    assert any("small mask" in fault.text for fault in faults)


def test_a_checksum_of_another_member_is_found_and_repaired(planned: Any, monkeypatch: Any) -> None:
    """A tool that computes it wrongly seals it all the same."""
    with monkeypatch.context() as patch:
        patch.setattr(commit, "crc32c", lambda data: 7 if data[:1] == b"{" else crc32c(data))
        assert planned.commit(0)
    assert planned.commit(1)
    manifest.write(planned.path)
    name = planned.plan.shards[0].name
    assert verify(planned.path, "quick").faults == ()
    faults = verify(planned.path, "hashes").faults
    assert [(fault.where, fault.text) for fault in faults] == [
        (name, f"the table has another CRC-32C of {key}.json") for key in ("a0", "a1")
    ]
    assert repair(planned.path) == [name]
    assert planned.commit(0)
    manifest.write(planned.path)
    assert verify(planned.path, "full").faults == ()


def test_a_table_of_other_images_than_the_plans_is_found(planned: Any) -> None:
    """Sealed and sound in itself, but its label is none that was planned."""
    planned.commit(1)
    shard = planned.plan.shards[0]
    with ShardWriter(planned.path, shard.name, planned.plan.members, planned.plan.fingerprint) as writer:
        for label, sample in enumerate(planned.samples[0]):
            writer.add(sample, label, "a" * 64)
        writer.commit()
    manifest.write(planned.path)
    assert verify(planned.path, "quick").faults == ()
    (fault,) = verify(planned.path, "hashes").faults
    assert fault.where == shard.name
    assert fault.text == "the table lists ('a1', 'a1.jpg', '1'), the plan ('a1', 'a1.jpg', '0')"
    assert repair(planned.path) == [shard.name]


def test_what_lies_in_the_folder_beside_it_is_named(committed: Any) -> None:
    (committed.path / "stray.tar").write_bytes(b"")
    (fault,) = verify(committed.path, "quick").faults
    assert (fault.where, fault.text) == ("stray.tar", "a file that the manifest does not know")


def test_an_unended_run_and_no_run_at_all(planned: Any, tmp_path: Path) -> None:
    planned.commit(0)
    manifest.write(planned.path)
    assert ["the run has not ended: 2 of 4" in fault.text for fault in verify(planned.path).faults] == [True]
    (tmp_path / "empty").mkdir()
    assert len(verify(tmp_path / "empty").faults) == 1


def test_a_level_that_is_none(committed: Any) -> None:
    with pytest.raises(UsageError, match="level"):
        verify(committed.path, "deep")


def test_repair_withdraws_what_is_damaged_and_keeps_the_rest(committed: Any) -> None:
    bad, good = committed.plan.shards[0].name, committed.plan.shards[1].name
    before = (committed.path / f"{good}.tar").read_bytes()
    flip(committed.path / f"{bad}.tar", 700)
    assert repair(committed.path) == [bad]
    whole = manifest.read(committed.path)
    assert ([record.name for record in whole.shards], whole.complete) == ([good], False)
    assert (committed.path / f"{good}.tar").read_bytes() == before
    assert committed.commit(0)
    manifest.write(committed.path)
    assert verify(committed.path, "full").faults == ()
    record = next(record for record in manifest.read(committed.path).shards if record.name == bad)
    assert len(list(read_samples(committed.path, record, ("jpg",)))) == 2


def test_repair_of_a_sound_data_set_does_nothing(committed: Any) -> None:
    before = (committed.path / "manifest.json").read_bytes()
    assert repair(committed.path) == []
    assert (committed.path / "manifest.json").read_bytes() == before


def test_repair_drops_a_damaged_table_of_the_plan_which_runs_would_trust(committed: Any) -> None:
    table = committed.path / naming.PLAN_TABLE
    repair(committed.path)
    assert table.exists()
    flip(table, 30)
    assert verify(committed.path, "quick").faults != ()
    repair(committed.path)
    assert not table.exists()
