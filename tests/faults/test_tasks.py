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

import pytest
from conftest import SHARD_SIZE, MakeSet
from photos import hashes

from maskgen.config.run_config import make_config
from maskgen.errors import EnvironmentFault
from maskgen.io import owner
from maskgen.io.owner import share_folder
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
from maskgen.shards import naming
from maskgen.shards.plan import read_plan
from maskgen.shards.record import read_records

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
        assert {naming.PLAN, naming.PLAN_TABLE, naming.MANIFEST} <= {path.name for path in output.iterdir()}


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
