"""Commit records: the same bytes for the same facts, and nothing accepted that this tool would not write."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import ShardFault
from maskgen.shards import sealed_json
from maskgen.shards.record import FileFact, Record, parse, read_records, record_path

RECORD = Record("d-train-000000", 2, 1, "f" * 64, {"tar": FileFact(10240, "1" * 64)})


def test_it_comes_back_and_lies_under_its_shards_name(tmp_path: Path) -> None:
    path = record_path(tmp_path, RECORD.name)
    assert path == tmp_path / "records" / "d-train-000000.json"
    assert parse(RECORD.render(), path.name) == RECORD
    assert replace(RECORD, files=dict(RECORD.files)).render() == RECORD.render()


def test_all_of_a_folder_by_name(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    for number in (2, 0, 1):
        one = replace(RECORD, name=f"d-train-{number:06d}")
        record_path(tmp_path, one.name).write_bytes(one.render())
    assert [one.name[-1] for one in read_records(tmp_path)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../secret"}, "another shard"),
        ({"name": "d-train-000001"}, "another shard"),
        ({"samples": -1}, "not one this tool writes"),
        ({"samples": "2"}, "not one this tool writes"),
        ({"failed": True}, "not one this tool writes"),
        ({"fingerprint": 5}, "not one this tool writes"),
        ({"files": {"exe": {"bytes": 1, "sha256": "0"}}}, "another shard"),
        ({"files": {"tar": {"bytes": -1, "sha256": "0"}}}, "not one this tool writes"),
        ({"files": {"tar": {"bytes": 1}}}, "other fields"),
        ({"files": None}, "other fields"),
        ({"more": 1}, "other fields"),
    ],
)
def test_a_sealed_record_of_something_else_is_refused(change: dict[str, Any], said: str) -> None:
    """The seal proves a file whole, not honest."""
    data = sealed_json.render({**asdict(RECORD), **change})
    with pytest.raises(ShardFault, match=said):
        parse(data, "d-train-000000.json")


def test_any_changed_byte_is_seen() -> None:
    sound = RECORD.render()
    for place in range(len(sound)):
        with pytest.raises(ShardFault):
            parse(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :], "d-train-000000.json")
