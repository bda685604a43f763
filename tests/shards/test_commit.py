"""Publishing a shard: the record is last, a second commit changes nothing, and what is withdrawn never
was.
"""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import ShardFault
from maskgen.shards.commit import ShardWriter, withdraw
from maskgen.shards.record import read_records


def contents(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def test_the_tar_holds_the_members_in_order_and_the_record_every_files_hash(planned: Any) -> None:
    assert planned.commit(0)
    (record,) = read_records(planned.path)
    assert (record.name, record.samples, record.failed) == (planned.plan.shards[0].name, 2, 0)
    for suffix, fact in record.files.items():
        data = (planned.path / f"{record.name}.{suffix}").read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (fact.bytes, fact.sha256)
    with tarfile.open(planned.path / f"{record.name}.tar") as archive:
        found = [(one.name, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]
    expected = [(f"{s.key}.{ext}", data) for s in planned.samples[0] for ext, data in s.members]
    assert found == expected


def test_before_the_commit_nobody_sees_a_shard(planned: Any) -> None:
    before = contents(planned.path)
    with ShardWriter(planned.path, "d-train-000000", planned.plan.members, "f") as writer:
        writer.add(planned.samples[0][0], 0, "a" * 64)
        visible = [path.name for path in planned.path.iterdir() if not path.name.startswith(".")]
        assert not [name for name in visible if name.startswith("d-train")]
    assert contents(planned.path) == before, "a writer that was left without a commit leaves nothing"


def test_a_second_commit_of_the_same_bytes_changes_nothing(planned: Any) -> None:
    assert planned.commit(1)
    before = {path: path.stat().st_mtime_ns for path in planned.path.glob("d-train-*")}
    assert not planned.commit(1)
    assert {path: path.stat().st_mtime_ns for path in planned.path.glob("d-train-*")} == before


def test_other_content_under_a_committed_name_is_refused(planned: Any) -> None:
    assert planned.commit(0)
    before = contents(planned.path)
    shard = planned.plan.shards[0]
    with ShardWriter(planned.path, shard.name, planned.plan.members, planned.plan.fingerprint) as writer:
        writer.add(planned.samples[0][0], 0, "a" * 64)
        with pytest.raises(ShardFault, match="committed already, with other content"):
            writer.commit()
    assert contents(planned.path) == before


def test_a_sample_with_other_members_is_refused(planned: Any) -> None:
    with (
        ShardWriter(planned.path, "d-train-000000", ("jpg", "json"), "f") as writer,
        pytest.raises(ShardFault, match="other members"),
    ):
        writer.add(planned.samples[0][0], 0, "a" * 64)


def test_a_shard_of_nothing_but_quarantined_images_is_a_table(planned: Any) -> None:
    shard = planned.plan.shards[0]
    stale = planned.path / f"{shard.name}.tar"
    stale.write_bytes(b"of a killed attempt that had samples")
    with ShardWriter(planned.path, shard.name, planned.plan.members, planned.plan.fingerprint) as writer:
        for sample in planned.samples[0]:
            from maskgen.shards.sample import SampleId

            writer.quarantine(SampleId(sample.key, 0, "x"), "truncated: ends early", None)
        record, _ = writer.commit()
    assert (record.samples, record.failed, set(record.files)) == (0, 2, {"parquet"})
    assert not stale.exists()


def test_a_withdrawn_shard_leaves_nothing_but_its_photos_hashes(committed: Any) -> None:
    name = committed.plan.shards[1].name
    table = (committed.path / f"{name}.parquet").read_bytes()
    withdraw(committed.path, name)
    (kept,) = [path for path in committed.path.rglob("*") if path.name.startswith(name)]
    assert (kept.parent.name, kept.name, kept.read_bytes()) == ("records", f"{name}.withdrawn", table)
    assert [record.name for record in read_records(committed.path)] == [committed.plan.shards[0].name]
    withdraw(committed.path, name)  # once more is no error
    assert kept.read_bytes() == table
