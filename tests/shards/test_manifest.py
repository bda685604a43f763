"""The manifest is a pure merge of plan and records, and is read only as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from maskgen.errors import ShardFault
from maskgen.shards import manifest, sealed_json


def test_it_counts_what_the_records_say(committed: Any) -> None:
    whole = manifest.read(committed.path)
    assert (whole.samples, whole.failed, whole.planned, whole.complete) == (3, 1, 4, True)
    assert [record.name for record in whole.shards] == [shard.name for shard in committed.plan.shards]
    tars = [(committed.path / f"{shard.name}.tar").stat().st_size for shard in committed.plan.shards]
    assert whole.tar_bytes == sum(tars)
    assert (whole.threshold, whole.level) == (0.5, 128)
    text = json.loads((committed.path / "manifest.json").read_text())
    assert text["totals"] == {"planned": 4, "samples": 3, "failed": 1, "bytes": sum(tars)}


def test_the_order_of_commits_leaves_no_trace(planned: Any) -> None:
    written = []
    for order in ((0, 1), (1, 0)):
        for number in order:
            planned.commit(number)
        manifest.write(planned.path)
        written.append((planned.path / "manifest.json").read_bytes())
        for path in (planned.path / "records").glob("*.json"):
            path.unlink()
    assert written[0] == written[1]


def test_a_run_that_has_not_ended_is_not_complete(planned: Any) -> None:
    planned.commit(1)
    whole = manifest.write(planned.path)
    assert (whole.complete, whole.samples, whole.failed, whole.planned) == (False, 1, 1, 4)
    assert manifest.read(planned.path) == whole


def test_a_record_of_another_plan_is_refused(committed: Any) -> None:
    path = committed.path / "records" / f"{committed.plan.shards[0].name}.json"
    other = sealed_json.read(path)
    path.write_bytes(sealed_json.render({**other, "fingerprint": "0" * 64}))
    with pytest.raises(ShardFault, match="not of this plan"):
        manifest.build(committed.path)


def test_any_changed_byte_is_seen(committed: Any) -> None:
    path = committed.path / "manifest.json"
    sound = path.read_bytes()
    for place in range(0, len(sound), 41):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        with pytest.raises(ShardFault):
            manifest.read(committed.path)
    path.write_bytes(sound)
    assert manifest.read(committed.path).samples == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 1}, "shard format 1 is none of 2, 3, 4"),
        ({"format": 6}, "shard format 6 is none of 2, 3, 4, 5"),
        ({"format": 2}, "contradicts itself"),
        ({"members": None}, "other fields"),
        ({"totals": {"planned": 4, "samples": 9, "failed": 1, "bytes": 0}}, "contradicts itself"),
    ],
)
def test_a_sealed_manifest_of_something_else_is_refused(
    committed: Any, change: dict[str, Any], said: str
) -> None:
    path = committed.path / "manifest.json"
    path.write_bytes(sealed_json.render({**sealed_json.read(path), **change}))
    with pytest.raises(ShardFault, match=said):
        manifest.read(committed.path)


def test_a_folder_without_one_is_no_data_set(tmp_path: Any) -> None:
    with pytest.raises(ShardFault, match=r"no manifest\.json here"):
        manifest.read(tmp_path)
