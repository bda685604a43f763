"""Several tasks in one folder: what one of them meets costs the others nothing."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARD_SIZE, MakeSet
from photos import hashes

from maskgen.config.run_config import make_config
from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.io import owner
from maskgen.io.owner import share_folder
from maskgen.pipelines import running
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
from maskgen.shards import naming
from maskgen.shards.destination import LocalFolder
from maskgen.shards.plan import read_plan
from maskgen.shards.record import read_records, record_path
from maskgen.shards.verify import verify

pytestmark = pytest.mark.faults


@contextmanager
def small_files(limit_bytes: int) -> Iterator[None]:
    """This process may write no file longer than that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fails_before_its_first_shard(output: Path, make_set: MakeSet) -> None:
    with small_files(60_000), pytest.raises(EnvironmentFault, match="File too large"):
        make_set(output, task=(0, 2))


def test_a_failing_task_spares_the_plan_while_another_is_there(make_set: MakeSet, tmp_path: Path) -> None:
    output = tmp_path / "shards"
    with share_folder(output, output.mkdir):  # the other one, on its first shard
        fails_before_its_first_shard(output, make_set)
        assert {naming.PLAN, naming.PLAN_TABLE} <= {path.name for path in output.iterdir()}


def test_a_failing_task_spares_a_plan_that_was_there_before(
    make_set: MakeSet, tmp_path: Path, photos: Path
) -> None:
    """`maskgen plan` has listed the source once for all, perhaps for an hour."""
    output = tmp_path / "shards"
    values = {"dataset": "folder", "input": str(photos), "method": "box", "shard_size": SHARD_SIZE}
    plan = prepare(resolve(make_config({**values, "output": str(output)})))
    fails_before_its_first_shard(output, make_set)
    assert read_plan(output) == plan


def test_a_failing_task_that_is_alone_leaves_the_folder_free(make_set: MakeSet, tmp_path: Path) -> None:
    fails_before_its_first_shard(tmp_path / "shards", make_set)
    assert not (tmp_path / "shards").exists()


@pytest.mark.slow
@pytest.mark.parametrize("left", [False, True], ids=["all", "the records"])
def test_a_run_that_waits_while_another_removes_its_folders_makes_them_again(
    left: bool, make_set: MakeSet, tmp_path: Path
) -> None:
    output = tmp_path / "shards"
    with ThreadPoolExecutor() as pool:
        with share_folder(output, lambda: (output / naming.RECORDS).mkdir(parents=True)) as is_alone:
            assert is_alone()
            waiting = pool.submit(make_set, output)
            time.sleep(0.5)
            assert not waiting.done()
            shutil.rmtree(output / naming.RECORDS if left else output)
        assert waiting.result().manifest.complete


def test_where_others_may_go_unseen_the_plan_stays(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network file system a lock may be this machine's alone."""
    monkeypatch.setattr(owner, "is_local", lambda _: False)
    fails_before_its_first_shard(tmp_path / "shards", make_set)
    assert (tmp_path / "shards" / naming.PLAN).exists()


def manifests(output: Path) -> list[bytes]:
    """The manifest, if there is one."""
    return [path.read_bytes() for path in output.glob(naming.MANIFEST)]


def test_the_task_that_finds_all_shards_done_writes_the_manifest(
    make_set: MakeSet, tmp_path: Path, want: dict[str, str]
) -> None:
    """To write it takes reading every record, which each of a thousand tasks would do for all others."""
    output = tmp_path / "shards"
    for number in (2, 0):
        outcome = make_set(output, task=(number, 3))
        assert manifests(output) == []
        assert outcome.notes[-1] == running.OTHERS
        assert (outcome.manifest.complete, len(outcome.manifest.shards)) == (False, 2 if number == 0 else 1)
        assert outcome.progress.done == outcome.progress.planned < outcome.manifest.planned
    outcome = make_set(output, task=(1, 3))
    assert (outcome.manifest.complete, running.OTHERS in outcome.notes) == (True, False)
    assert hashes(output) == want


def test_a_task_reads_no_record_of_another(make_set: MakeSet, tmp_path: Path) -> None:
    output = tmp_path / "shards"
    make_set(output, task=(0, 3))
    damaged = record_path(output, read_plan(output).shards[0].name)
    sound = damaged.read_bytes()
    damaged.write_bytes(b"{}")
    assert make_set(output, task=(1, 3)).progress.done
    with pytest.raises(ShardFault, match=damaged.name):
        make_set(output, task=(2, 3))  # the last one reads them all
    damaged.write_bytes(sound)
    assert make_set(output, task=(1, 3)).manifest.complete


def test_of_two_last_tasks_at_once_each_finds_all_done(
    make_set: MakeSet, tmp_path: Path, want: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has committed its last shard and not looked yet, when the other commits its own and looks."""
    output, end = tmp_path / "shards", running._end
    wrote = []

    def after_the_other(*given: Any) -> bool:
        monkeypatch.setattr(running, "_end", end)
        wrote.append(make_set(output, task=(1, 2)).manifest.complete)
        return end(*given)

    monkeypatch.setattr(running, "_end", after_the_other)
    wrote.append(make_set(output, task=(0, 2)).manifest.complete)
    assert wrote == [True, True]
    assert hashes(output) == want


@pytest.mark.parametrize("again", [0, 1])
def test_where_the_last_task_was_killed_any_other_writes_the_manifest(
    again: int, make_set: MakeSet, tmp_path: Path, want: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "shards"
    make_set(output, task=(0, 2))

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "write_manifest", killed)
        with pytest.raises(SystemExit):
            make_set(output, task=(1, 2))
    assert [fault.where for fault in verify(output).faults] == [naming.MANIFEST]
    assert make_set(output, task=(again, 2)).manifest.complete
    assert hashes(output) == want


def test_a_task_that_retries_leaves_a_manifest_of_what_is_there(
    make_set: MakeSet, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has withdrawn a shard that the one before lists."""
    monkeypatch.setattr(LocalFolder, "is_complete", lambda *_: False)  # another task has withdrawn one, too
    before = manifests(copy)
    (copy / naming.MANIFEST).write_bytes(b"stale")
    make_set(copy, retry_failed=True, task=(0, 2))
    assert manifests(copy) == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_tasks_one_of_them_starved_at_many_timings(
    photos: Path, tmp_path: Path, full_faults: bool
) -> None:
    rounds = 50 if full_faults else 5
    script = Path(__file__).with_name("two_tasks.py")
    command = [sys.executable, str(script), str(photos), str(tmp_path), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counts = json.loads(done.stdout)
    assert counts == dict.fromkeys(("starved_by_the_disk", "well", "plan", "same_bytes"), rounds), done.stderr


@pytest.mark.slow
def test_a_task_that_retries_withdraws_no_shard_of_another(make_set: MakeSet, tmp_path: Path) -> None:
    """The other one may have just made it again, and would not make it a third time."""
    make_set(tmp_path / "shards")
    failed = [record.name for record in read_records(tmp_path / "shards") if record.failed]
    assert [int(name[-1]) % 2 for name in failed] == [0], "a shard of task 0/2"
    before = hashes(tmp_path / "shards")
    make_set(tmp_path / "shards", retry_failed=True, task=(1, 2))
    assert hashes(tmp_path / "shards") == before
