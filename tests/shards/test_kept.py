"""What a killed attempt had finished of a shard is read back; what is torn or another run's is not."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from maskgen.io.atomic import sweep_partials
from maskgen.shards.commit import ShardWriter
from maskgen.shards.kept import drop_committed, keep, open_kept
from maskgen.shards.sample import Encoded, SampleId

DEAD_PID = 999_999_999


def break_off(planned: Any, monkeypatch: pytest.MonkeyPatch, number: int = 0, count: int = 2) -> str:
    """Leave a shard as a process that is killed does: partial files, of an owner that is gone."""
    shard = planned.plan.shards[number]
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: DEAD_PID)
        writer = ShardWriter(planned.path, shard.name, planned.plan.members, planned.plan.fingerprint)
        for sample in planned.samples[number][:count]:
            writer.add(sample, number, "a" * 64)
    for file in (writer._tar._file, writer._journal._file._file):  # type: ignore[union-attr]
        file.close()
    return str(shard.name)


def hidden(planned: Any) -> list[str]:
    return sorted(path.name for path in planned.path.iterdir() if path.name.startswith("."))


def read_back(planned: Any, name: str, fingerprint: str = "") -> list[tuple[Encoded, str] | None]:
    with open_kept(planned.path, name, fingerprint or planned.plan.fingerprint) as kept:
        ids = [SampleId(one.key, 0, f"{one.key}.jpg") for one in planned.samples[0]]
        return [kept.read(sample, planned.plan.members) for sample in ids]


def test_finished_samples_come_back_byte_for_byte(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = break_off(planned, monkeypatch)
    found = read_back(planned, name)
    assert [(one[0].key, one[0].members, one[1]) for one in found if one] == [
        (sample.key, sample.members, "a" * 64) for sample in planned.samples[0]
    ]
    for one, sample in zip(found, planned.samples[0], strict=True):
        assert one is not None
        assert {column: one[0].row[column] for column in sample.row} == sample.row
    assert hidden(planned) == [f".{name}.rows.kept", f".{name}.tar.kept"]


def test_a_shard_made_from_kept_samples_has_the_bytes_of_one_made_at_once(
    planned: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = break_off(planned, monkeypatch)
    found = read_back(planned, name)
    with ShardWriter(planned.path, name, planned.plan.members, planned.plan.fingerprint) as writer:
        for one in found:
            assert one is not None
            writer.add(one[0], 0, one[1])
        record, _ = writer.commit()
    assert hidden(planned) == [], "a committed shard needs nothing kept"
    (planned.path / "records" / f"{name}.json").unlink()
    assert planned.commit(0)
    assert json.loads((planned.path / "records" / f"{name}.json").read_bytes())["files"] == {
        suffix: {"bytes": fact.bytes, "sha256": fact.sha256} for suffix, fact in record.files.items()
    }


def test_a_torn_tar_gives_its_whole_samples_and_a_torn_journal_its_whole_lines(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a power cut: nothing of either file had been synced."""
    name = break_off(planned, monkeypatch)
    keep(planned.path)
    tar, rows = (planned.path / f".{name}.{kind}.kept" for kind in ("tar", "rows"))
    whole = tar.read_bytes(), rows.read_bytes()
    first = planned.samples[0][0].key
    tar.write_bytes(whole[0][:-600])
    assert [one[0].key if one else None for one in read_back(planned, name)] == [first, None]
    flipped = bytearray(whole[0])
    flipped[2000] ^= 1
    tar.write_bytes(flipped)
    assert [one is None for one in read_back(planned, name)] == [True, False]
    tar.write_bytes(whole[0])
    for torn in (whole[1][:-5], whole[1].replace(b'"fg_area": 0', b'"fg_area": 1')):
        rows.write_bytes(torn)
        assert None in read_back(planned, name)
    rows.write_bytes(bytes(len(whole[1])))
    assert read_back(planned, name) == [None, None]


def test_another_runs_samples_and_other_paths_are_not_taken(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = break_off(planned, monkeypatch)
    assert read_back(planned, name, "another fingerprint") == [None, None]
    with open_kept(planned.path, name, planned.plan.fingerprint) as kept:
        assert kept.read(SampleId(planned.samples[0][0].key, 0, "moved.jpg"), planned.plan.members) is None
        assert kept.read(SampleId(planned.samples[0][0].key, 0, "a0.jpg"), ("jpg",)) is None


def test_the_attempt_with_more_samples_is_kept_and_the_other_swept(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 2, 1):
        name = break_off(planned, monkeypatch, count=count)
        keep(planned.path)
    sweep_partials(planned.path)
    assert hidden(planned) == [f".{name}.rows.kept", f".{name}.tar.kept"]
    assert None not in read_back(planned, name)


def test_a_living_attempt_is_left_alone_and_a_committed_shard_keeps_nothing(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = planned.plan.shards[0].name
    with ShardWriter(planned.path, name, planned.plan.members, planned.plan.fingerprint) as writer:
        writer.add(planned.samples[0][0], 0, "a" * 64)
        assert read_back(planned, name) == [None, None]
        assert len(hidden(planned)) == 2
    assert hidden(planned) == []
    break_off(planned, monkeypatch)
    keep(planned.path)
    assert planned.commit(0)
    break_off(planned, monkeypatch)
    keep(planned.path)  # killed between its record and its clean-up
    assert sweep_partials(planned.path) == 2
    (planned.path / f".{name}.tar.kept").touch()
    drop_committed(planned.path)
    assert hidden(planned) == []


def test_a_hostile_journal_moves_no_other_file(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = break_off(planned, monkeypatch)
    (journal,) = planned.path.glob(".*.rows.*.partial")
    text = json.dumps({"fingerprint": planned.plan.fingerprint, "tar": "../outside"})
    journal.write_text(f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {text}\n")
    (planned.path.parent / "outside").write_text("mine")
    keep(planned.path)
    assert (planned.path.parent / "outside").read_text() == "mine"
    assert not (planned.path / f".{name}.tar.kept").exists()
