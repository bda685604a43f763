from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from maskgen.config.run_config import RunConfig, make_config
from maskgen.errors import UsageError
from maskgen.io.arrow import table_of
from maskgen.methods.networks.known import KNOWN_NETWORKS
from maskgen.methods.networks.student.method import FAST_WEIGHTS
from maskgen.pipelines import planning
from maskgen.pipelines.resolve import resolve
from maskgen.shards.plan import Plan, read_plan, shard_rows, to_row
from maskgen.shards.plan_table import ROWS, is_whole
from maskgen.types import ByteRef, Source, SourceItem

VALUES = {"dataset": "folder", "method": "box"}


def test_nothing_is_made_while_the_source_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused by then has no folder to take away under another run."""
    seen: list[list[Path]] = []

    class Watched:
        names_are_keys = False

        def items(self) -> Iterator[SourceItem]:
            seen.append(list(tmp_path.iterdir()))
            yield SourceItem("k", ByteRef("k.jpg", 0, 10), None, "k.jpg")

    monkeypatch.setattr(planning, "open_source", lambda _: Watched())
    output = tmp_path / "new" / "shards"
    plan = planning.prepare(resolve(make_config({**VALUES, "output": str(output)})))
    assert seen == [[]]
    assert (plan.images, read_plan(output)) == (1, plan)


def test_another_plan_is_told_by_what_made_it_another(tmp_path: Path) -> None:
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    for name in ("a.jpg", "cats/b.jpg"):
        (tmp_path / "photos" / name).write_bytes(b"1234")

    def refused(*, recheck: bool = False, **options: object) -> list[str]:
        with pytest.raises(UsageError) as caught:
            planning.prepare(resolve(make_config({**given, **options})), recheck=recheck)
        return [line.strip() for line in caught.value.what.split("\n")[1:]]

    given = {**VALUES, "input": str(tmp_path / "photos"), "output": str(tmp_path / "out")}
    planning.prepare(resolve(make_config(given)))
    assert refused(labels="folder") == ["options.labels: 'auto' -> 'folder'"]
    assert refused(limit=1) == ["options.limit: 0 -> 1", "images: 2 -> 1"]
    assert refused(method="fast", seed=7, sample=1) == [
        "options.method: 'box' -> 'fast'",
        "options.sample: 0 -> 1",
        "options.seed: 0 -> 7",
        "images: 2 -> 1",
    ]
    (tmp_path / "photos" / "a.jpg").unlink()
    (line,) = refused(recheck=True)
    assert line.startswith("source: 2 images -> 1 image, first difference in shard folder-train-000000")


def test_a_folder_of_a_former_default_method_is_resumed_once_that_method_is_named(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"1234")
    given = {"dataset": "folder", "input": str(tmp_path / "photos"), "output": str(tmp_path / "out")}
    made = planning.prepare(resolve(make_config({**given, "method": "vote"})))
    with pytest.raises(UsageError) as caught:
        planning.prepare(resolve(make_config(given)))
    assert caught.value.what.split("\n")[1:] == ["    options.method: 'vote' -> 'fast'"]
    assert caught.value.remedy == "add --method vote to resume, or choose another --output"
    assert planning.prepare(resolve(make_config({**given, "method": "vote"}))) == made
    with pytest.raises(UsageError, match="repeat the old settings"):
        planning.prepare(resolve(make_config({**given, "method": "vote", "refine": "none"})))


def test_a_corrected_license_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"1234")
    given = {"dataset": "folder", "input": str(tmp_path / "photos"), "output": str(tmp_path / "out")}
    weights = hashlib.sha256(FAST_WEIGHTS.read_bytes()).hexdigest()
    row = dataclasses.replace(KNOWN_NETWORKS["isnet"], sha256=weights, license="MTI")
    monkeypatch.setitem(KNOWN_NETWORKS, "isnet", row)
    made = planning.prepare(resolve(make_config(given)))
    assert made.identity["weights"]["license"] == "MTI"
    monkeypatch.setitem(KNOWN_NETWORKS, "isnet", dataclasses.replace(row, license="MIT"))
    assert planning.prepare(resolve(make_config(given))) == made
    monkeypatch.setitem(KNOWN_NETWORKS, "isnet", dataclasses.replace(row, sha256="0" * 64))
    assert planning.prepare(resolve(make_config(given))) == made
    other = tmp_path / "other.safetensors"
    other.write_bytes(FAST_WEIGHTS.read_bytes() + b" ")
    with pytest.raises(UsageError, match="weights_sha256: "):
        planning.prepare(resolve(make_config({**given, "weights": str(other)})))


@dataclass
class Folder:
    """A source folder and an output folder; how often the source was listed."""

    root: Path
    listed: int = 0

    @property
    def output(self) -> Path:
        return self.root / "out"

    def photo(self, name: str) -> None:
        (self.root / "photos").mkdir(exist_ok=True)
        (self.root / "photos" / name).write_bytes(b"1234")

    def prepare(self, *, recheck: bool = False, **options: object) -> Plan:
        given = {**VALUES, "input": str(self.root / "photos"), "output": str(self.output), **options}
        return planning.prepare(resolve(make_config(given)), recheck=recheck)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    made = Folder(tmp_path)
    list_it = planning.open_source

    def count(config: RunConfig) -> Source:
        made.listed += 1
        return list_it(config)

    monkeypatch.setattr(planning, "open_source", count)
    for name in ("a.jpg", "b.jpg"):
        made.photo(name)
    return made


def test_a_plan_in_the_folder_is_trusted_until_it_is_to_be_checked(folder: Folder) -> None:
    plan = folder.prepare()
    before = {path.name: path.read_bytes() for path in folder.output.glob("plan.*")}
    folder.photo("c.jpg")
    assert (folder.prepare(), folder.listed) == (plan, 1)
    with pytest.raises(UsageError, match="2 images -> 3 images"):
        folder.prepare(recheck=True)
    (folder.root / "photos" / "c.jpg").unlink()
    assert (folder.prepare(recheck=True), folder.listed) == (plan, 3)
    assert {path.name: path.read_bytes() for path in folder.output.glob("plan.*")} == before


@pytest.mark.parametrize(("name", "left"), [("plan.table", -9), ("plan.table", 0), ("plan.json", None)])
def test_a_plan_that_is_damaged_is_made_again(name: str, left: int | None, folder: Folder) -> None:
    plan = folder.prepare()
    path = folder.output / name
    data = path.read_bytes()
    path.unlink()
    if left is not None:
        path.write_bytes(data[:left])
    assert (folder.prepare(), folder.listed) == (plan, 2)
    assert path.read_bytes() == data


def test_the_plan_of_an_older_run_is_trusted_with_its_table(folder: Folder) -> None:
    """It was one Parquet file; a run that lists the source again leaves the new one in its place."""
    plan = folder.prepare()
    table = folder.output / "plan.table"
    rows = [to_row(image) for image in shard_rows(folder.output, 0)]
    data = table.read_bytes()
    table.unlink()
    pq.write_table(table_of(rows, ROWS), folder.output / "plan.parquet")
    assert (folder.prepare(), folder.listed) == (plan, 1)
    assert not table.exists()
    assert (folder.prepare(recheck=True), folder.listed) == (plan, 2)
    assert table.read_bytes() == data
    assert not (folder.output / "plan.parquet").exists()


def test_other_settings_of_a_large_plan_are_refused_without_listing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.prepare()
    monkeypatch.setattr(planning, "_MOST_EXPLAINED", 1)
    with pytest.raises(UsageError, match="shard_size: 0 -> 7"):
        folder.prepare(shard_size=7)
    assert folder.listed == 1


def test_a_plan_that_is_taken_away_meanwhile_is_made_again(folder: Folder) -> None:
    """By another run, which failed and had made nothing."""
    plan = folder.prepare()
    config = resolve(
        make_config({**VALUES, "input": str(folder.root / "photos"), "output": str(folder.output)})
    )
    with planning.planned(config) as run:
        assert run.is_trusted
        (folder.output / "plan.json").unlink()
        assert run.settle() == plan
    assert (read_plan(folder.output), folder.listed) == (plan, 2)


def test_a_refused_plan_leaves_no_folder_behind(folder: Folder) -> None:
    folder.output.mkdir()
    (folder.output / "folder-train-000000.tar").write_bytes(b"of somebody")
    with pytest.raises(UsageError, match="no plan"):
        folder.prepare()
    assert [path.name for path in folder.output.iterdir()] == ["folder-train-000000.tar"]


STEPS = ("open", "fsync", "link", "replace", "unlink", "mkdir", "pwrite", "truncate")


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a process that does the work is killed before its step-th operation on files."""
    child = os.fork()
    if child == 0:
        left = iter(range(step, 0, -1))

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                if next(left, 0) == 1:
                    os._exit(9)
                return real(*arguments, **named)

            return call

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.slow
@pytest.mark.faults
def test_a_kill_at_any_step_of_the_writing_leaves_no_plan_or_a_whole_one(folder: Folder) -> None:
    plan = folder.prepare()
    files = {path.name: path.read_bytes() for path in folder.output.glob("plan.*")}
    step, states = 1, set()
    while True:
        output = folder.root / str(step)
        if not killed_at(step, partial(folder.prepare, output=str(output))):
            break
        states.add((output / "plan.json").exists())
        if (output / "plan.json").exists():
            assert (read_plan(output), is_whole(output, 1)) == (plan, True)
        assert folder.prepare(output=str(output)) == plan
        assert {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()} == files
        step += 1
    assert step > 10
    assert states == {False, True}
