"""One shard from its planned images to its commit."""

from __future__ import annotations

import contextlib
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from stage_kit import job, planned

from maskgen.errors import MaskgenError
from maskgen.pipelines.shard.make import make_shard, try_image
from maskgen.pipelines.shard.stages import Stages
from maskgen.processes.watch import IDLE, Watch, busy_image, finished_images
from maskgen.shards.plan import shard_rows
from maskgen.shards.record import read_records
from maskgen.types import RGB, SoftMask


def test_a_shard_holds_the_planned_images_in_order_without_those_known_to_be_bad(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    slots = list(IDLE)
    wanted = job(config, plan, {1: "crash: the worker was killed by signal 9"})
    with contextlib.closing(Stages(config, plan.members)) as stages:
        result = make_shard(wanted, shard_rows(wanted.output, 0), stages, Watch(slots))
    with tarfile.open(wanted.output / f"{wanted.name}.tar") as tar:
        keys = list(dict.fromkeys(name.split(".")[0] for name in tar.getnames()))
    assert keys == ["p0", "p2", "p4"]
    assert (result.number, result.record.samples, result.record.failed) == (0, 3, 2)
    assert [record.name for record in read_records(wanted.output)] == [wanted.name]
    rows = pq.read_table(wanted.output / f"{wanted.name}.parquet").to_pylist()
    errors = {row["key"]: row["error"] for row in rows if row["status"] == "failed"}
    assert errors.keys() == {"p1", "p3"}
    assert errors["p1"] == "crash: the worker was killed by signal 9"
    assert (finished_images(slots), busy_image(slots)) == (5, None)
    assert all(seconds > 0 for seconds in result.seconds.values())


def test_a_method_that_fails_on_twenty_images_in_a_row_is_given_up(tmp_path: Path) -> None:
    def method(image: RGB) -> SoftMask:
        raise RuntimeError("broken everywhere")

    config, plan = planned(tmp_path, count=27)
    wanted = job(config, plan)
    stages = Stages(config, plan.members, method)
    with (
        contextlib.closing(stages),
        pytest.raises(MaskgenError, match="failed on 20 images in a row") as caught,
    ):
        make_shard(wanted, shard_rows(wanted.output, 0), stages, Watch(list(IDLE)))
    assert "broken everywhere" in caught.value.cause
    assert not list(wanted.output.glob("*.tar"))
    assert list(read_records(wanted.output)) == []


def test_trying_an_image_leaves_nothing(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    seen: list[int] = []

    def method(image: RGB) -> SoftMask:
        seen.append(image.shape[0])
        raise ZeroDivisionError

    wanted = job(config, plan)
    with contextlib.closing(Stages(config, plan.members, method)) as stages:
        try_image(wanted, 2, shard_rows(wanted.output, 0), stages, Watch(list(IDLE)))
    assert seen == [40]
    assert not list(wanted.output.glob("*.tar"))
