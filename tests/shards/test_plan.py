"""The plan: read back as it was written, refused when a byte differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from maskgen.errors import ShardFault
from maskgen.shards import manifest, naming, plan, sealed_json
from maskgen.shards.plan import (
    PlannedImage,
    from_row,
    has_rows_of,
    read_plan,
    rows_digest,
    shard_rows,
    to_row,
)
from maskgen.shards.sample import SampleId
from maskgen.types import ByteRef


def test_it_comes_back_as_it_was_written(planned: Any) -> None:
    assert read_plan(planned.path) == planned.plan


@pytest.mark.parametrize("label", [None, 7, (3, 4), ()])
def test_a_row_keeps_every_kind_of_label(label: Any) -> None:
    image = PlannedImage(SampleId("k", label, "a/b.jpg"), ByteRef("t.tar", 512, 99, "", "b.jpg"))
    assert from_row(to_row(image)) == image


def test_the_rows_of_a_shard_are_those_planned(planned: Any) -> None:
    for number, shard in enumerate(planned.plan.shards):
        rows = shard_rows(planned.path, number)
        assert len(rows) == shard.images
        assert rows_digest([to_row(row) for row in rows]) == shard.digest
    assert [row.sample.key for row in shard_rows(planned.path, 1)] == ["b0", "torn"]


def test_rows_that_are_not_those_of_the_plan_are_refused(planned: Any) -> None:
    digests = [shard.digest for shard in planned.plan.shards]
    assert shard_rows(planned.path, 1, digests[1]) == shard_rows(planned.path, 1)
    with pytest.raises(ShardFault, match=r"not those planned(.|\n)*--recheck"):
        shard_rows(planned.path, 1, digests[0])


def test_a_table_is_that_of_a_plan_when_both_ends_are(planned: Any) -> None:
    assert has_rows_of(planned.path, planned.plan)
    first, last = planned.plan.shards
    for shards in ((first, last._replace(digest="0")), (first._replace(digest="0"), last), (first,) * 65):
        assert not has_rows_of(planned.path, replace(planned.plan, shards=shards))
    (planned.path / naming.PLAN_TABLE).unlink()
    assert not has_rows_of(planned.path, planned.plan)


def test_the_fingerprint_is_of_the_identity_alone(planned: Any) -> None:
    same = replace(planned.plan, notes=(), images=5)
    other = replace(planned.plan, identity={**planned.plan.identity, "plan": "1"})
    assert same.fingerprint == planned.plan.fingerprint != other.fingerprint


def test_the_format_is_part_of_the_identity_since_format_3(planned: Any) -> None:
    """So another version's run is refused, and `verify --repair` writes the manifest of the shards' own."""
    old = {name: value for name, value in planned.plan.identity.items() if name != "format"}
    assert (planned.plan.format, replace(planned.plan, identity=old).format) == (4, 2)
    head = planned.path / "plan.json"
    head.write_bytes(replace(planned.plan, identity=old).render())
    assert manifest.build(planned.path).format == 2
    for wrong in (1, 6, "3", None):
        head.write_bytes(replace(planned.plan, identity={**old, "format": wrong}).render())
        with pytest.raises(ShardFault, match=r"other fields|shard format"):
            read_plan(planned.path)


def test_damage_is_a_fault_of_the_shards(planned: Any) -> None:
    table = planned.path / naming.PLAN_TABLE
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(ShardFault, match="plan's table"):
        shard_rows(planned.path, 0)
    head = planned.path / "plan.json"
    head.write_bytes(head.read_bytes().replace(b'"images": 4', b'"images": 5'))
    with pytest.raises(ShardFault, match="damaged"):
        read_plan(planned.path)
    head.write_bytes(sealed_json.render({"shards": []}))
    with pytest.raises(ShardFault, match="other fields"):
        read_plan(planned.path)
    head.unlink()
    with pytest.raises(ShardFault):
        plan.read_plan(planned.path)
