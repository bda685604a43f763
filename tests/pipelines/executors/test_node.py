"""A node's part of a run, in this process: what it refuses, and that it makes shards visit by visit."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from object_stores import objects, upload
from stage_kit import job, planned

from maskgen.io.storage.location import open_location
from maskgen.pipelines.executors.node import Node, Place
from maskgen.pipelines.resolve import ResolvedConfig
from maskgen.pipelines.shard.make import ShardJob
from maskgen.pipelines.shard.stages import Stages
from maskgen.shards.destination import InPlace
from maskgen.shards.plan import Plan
from maskgen.shards.uploaded import Upload


@pytest.fixture(autouse=True)
def _process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node changes its process, which here is that of all tests."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(vars(sys.modules["__main__"]), "__file__", "ray")


def place(config: ResolvedConfig, plan: Plan, text: str = "hello") -> Place:
    probe = Path(config.options.output) / ".probe"
    probe.write_text("hello")
    return Place(InPlace(), plan.fingerprint, probe, text)


def node(config: ResolvedConfig, gpus: int = 0) -> Node:
    return Node(config, 1, gpus, Stages)


def test_a_node_that_sees_the_same_folder_and_has_the_same_libraries_is_fit(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    assert node(config).look(place(config, plan)).unfit == ""


def test_a_folder_of_that_name_on_another_disk_is_told_by_its_content(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    found = node(config).look(place(config, plan, text="what the driver wrote"))
    assert found.unfit.startswith(f"it cannot see the output folder {tmp_path / 'out'}")


def test_a_node_without_the_photos_or_with_another_plan_or_library_is_unfit(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    here = place(config, plan)
    other = replace(here, fingerprint="0" * 64)
    assert node(config).look(other).unfit == "it sees the plan of another run"
    older = replace(config, versions={**config.versions, "numpy": "1.0"})
    assert "numpy" in node(older).look(here).unfit
    assert "not 1.0" in node(older).look(here).unfit
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    assert "photos" in node(config).look(here).unfit


def test_a_node_without_a_gpu_is_unfit_for_one(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    here = place(config, plan)
    wanted = replace(config, options=replace(config.options, device="cuda"))
    assert node(wanted).look(here).unfit == "it has no GPU that Ray knows of"
    assert node(wanted, gpus=2).look(here).unfit == ""


def test_a_node_gives_ray_s_settings_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    node(planned(tmp_path)[0])
    assert "OMP_NUM_THREADS" not in os.environ
    assert "__file__" not in vars(sys.modules["__main__"])


def made(one: Node, jobs: list[ShardJob]) -> list[str]:
    """The names of the shards that a node has made of these, in order."""
    names: list[str] = []
    given = jobs
    while len(names) < len(jobs):
        report = one.step(given, begin=True)
        assert report.fault is None
        names += [result.record.name for result in report.results]
        given = []
    return sorted(names)


@pytest.mark.slow
def test_shards_for_an_object_store_are_made_in_a_folder_of_the_node(amazon: Any, tmp_path: Path) -> None:
    config, plan = planned(tmp_path, count=4, shard_size=2)
    output = tmp_path / "out"
    upload(amazon, output, "shards")
    target = Upload(open_location("s3://photos/shards"))
    first = replace(job(config, plan), target=target)
    second = replace(first, number=1, name=plan.shards[1].name)
    before = sorted(output.iterdir())
    one = node(config)
    assert one.look(Place(target, plan.fingerprint, tmp_path / "nowhere", "hello")).unfit == ""
    assert made(one, [first, second]) == [first.name, second.name]
    one.close()
    assert sorted(output.iterdir()) == before, "the driver's folder, which another machine would not have"
    local = node(config)
    local.look(place(config, plan))
    made(local, [job(config, plan), replace(second, target=InPlace())])
    local.close()
    assert {path.name: path.read_bytes() for path in output.glob("*-00000?.*")} == {
        key.removeprefix("shards/"): data
        for key, data in objects(amazon, prefix="shards/").items()
        if "-00000" in key and "/records/" not in key
    }


def test_an_address_with_the_plan_of_another_run_is_unfit(amazon: Any, tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    upload(amazon, tmp_path / "out", "shards")
    target = Upload(open_location("s3://photos/shards"))
    assert node(config).look(Place(target, "0" * 64, tmp_path, "")).unfit == "it sees the plan of another run"
    nowhere = Upload(open_location("s3://photos/elsewhere"))
    assert "plan" in node(config).look(Place(nowhere, plan.fingerprint, tmp_path, "")).unfit


@pytest.mark.slow
def test_an_error_that_no_photo_is_to_blame_for_comes_with_the_report(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    one = node(config)
    one.look(place(config, plan))
    (tmp_path / "out" / "plan.table").unlink()
    given, fault = [job(config, plan)], None
    while fault is None:
        fault = one.step(given, begin=True).fault
        given = []
    one.close()
    assert "plan" in str(fault)
