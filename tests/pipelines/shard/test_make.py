"""One shard from its planned images to its commit."""

from __future__ import annotations

import contextlib
import os
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from stage_kit import job, planned

from maskgen.errors import MaskgenError
from maskgen.methods.priors.box import box
from maskgen.pipelines.resolve import ResolvedConfig
from maskgen.pipelines.shard.make import make_shard, try_image
from maskgen.pipelines.shard.stages import Stages
from maskgen.processes.watch import IDLE, Watch, busy_image, finished_images
from maskgen.shards.commit import ShardWriter
from maskgen.shards.kept import keep
from maskgen.shards.plan import Plan, shard_rows
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


def break_off(config: ResolvedConfig, plan: Plan, indices: list[int], patch: pytest.MonkeyPatch) -> None:
    """Leave some of the shard's samples as an attempt does that is killed."""
    wanted = job(config, plan)
    images = shard_rows(wanted.output, 0)
    with contextlib.closing(Stages(config, plan.members)) as stages, patch.context() as dead:
        dead.setattr(os, "getpid", lambda: 999_999_999)
        writer = ShardWriter(wanted.output, wanted.name, plan.members, plan.fingerprint)
        for index in indices:
            done = stages.finish(stages.mask(stages.decode(images[index])), Watch(list(IDLE)))
            assert isinstance(done, tuple)
            writer.add(done[0], images[index].sample.label, done[1])
    for file in (writer._tar._file, writer._journal._file._file):  # type: ignore[union-attr]
        file.close()
    keep(wanted.output)


def make_again(
    config: ResolvedConfig, plan: Plan, known_bad: dict[int, str] | None = None
) -> tuple[int, int, tuple[str, ...]]:
    """Make the shard; how many masks were made, how many samples were kept, and which photos had changed."""
    made: list[RGB] = []

    def method(image: RGB) -> SoftMask:
        made.append(image)
        return box(image)

    wanted = job(config, plan, known_bad)
    with contextlib.closing(Stages(config, plan.members, method)) as stages:
        result = make_shard(wanted, shard_rows(wanted.output, 0), stages, Watch(list(IDLE)))
    return len(made), result.kept, result.changed


def shard_bytes(output: Path) -> dict[str, bytes]:
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}


def test_a_resumed_shard_makes_what_is_missing_and_has_the_bytes_of_one_made_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, plan = planned(tmp_path)
    output = tmp_path / "out"
    assert make_again(config, plan) == (4, 0, ())
    want = shard_bytes(output)
    for indices, missing in (([0, 1], 2), ([0, 2], 2), ([1], 3), ([0, 1, 2, 4], 0)):
        for path in [*output.glob("folder-*"), *(output / "records").iterdir()]:
            path.unlink()
        break_off(config, plan, indices, monkeypatch)
        assert make_again(config, plan) == (missing, len(indices), ())
        assert shard_bytes(output) == want


def test_a_kept_sample_of_a_photo_that_has_changed_or_kills_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo replaced by another of its size passes for the planned one; its hash tells."""
    config, plan = planned(tmp_path)
    break_off(config, plan, [0, 1, 2], monkeypatch)
    first = tmp_path / "photos" / "p0.jpg"
    data = bytearray(first.read_bytes())
    data[15] += 1  # the density in its header
    first.write_bytes(data)
    assert make_again(config, plan, {1: "crash: twice"}) == (2, 1, ("p0.jpg",))


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
