"""Shared by the fault tests: photos with broken files among them, and data sets made from them."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # photos.py is imported by scripts and workers too
from photos import hashes, make_photos

from maskgen.config.run_config import make_config
from maskgen.pipelines import running
from maskgen.pipelines.resolve import ResolvedConfig
from maskgen.pipelines.shard.make import ShardJob, ShardResult, make_shard
from maskgen.pipelines.shard.stages import Stages
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards.plan import shard_rows

MakeSet = Callable[..., running.Outcome]
SHARD_SIZE = 6


class InlineExecutor:
    """The shard jobs one after another in this process: no start of workers, and faults can be injected."""

    def __init__(self, config: ResolvedConfig, _workers: int, make_stages: Any = Stages, *_: object) -> None:
        self._config = config
        self._make_stages = make_stages

    def run(self, jobs: list[ShardJob]) -> Iterator[ShardResult]:
        for job in jobs:
            with contextlib.closing(self._make_stages(self._config, job.members)) as stages:
                yield make_shard(job, shard_rows(job.output, job.number), stages, Watch(list(IDLE)))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 textured JPEGs of 64 to 96 px with a bright disc, and three broken ones among them."""
    return make_photos(tmp_path_factory.mktemp("source") / "photos")


@pytest.fixture(scope="session")
def make_set(photos: Path) -> MakeSet:
    """``make_set(output, **options)``: `maskgen run` in this process; again on the same folder resumes.

    With ``processes=True`` the real executor and its worker processes are used; ``retry_failed`` and ``task``
    are those of the command line, all else are fields of RunConfig.
    """

    def make(
        output: Path,
        *,
        processes: bool = False,
        retry_failed: bool = False,
        task: tuple[int, int] = (0, 1),
        **options: object,
    ) -> running.Outcome:
        values = {"dataset": "folder", "input": str(photos), "method": "box", "shard_size": SHARD_SIZE}
        config = make_config(
            {**values, "workers": 2, "max_failures": "100%", "output": str(output), **options}
        )
        with pytest.MonkeyPatch.context() as patch:
            if not processes:
                patch.setattr(running, "LocalExecutor", InlineExecutor)
            return running.run(config, running.RunOptions(retry_failed=retry_failed, task=task))

    return make


@pytest.fixture(scope="session")
def clean(make_set: MakeSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set of an undisturbed run with two workers: read only, see `copy`."""
    output = tmp_path_factory.mktemp("clean") / "shards"
    make_set(output, processes=True)
    return output


@pytest.fixture(scope="session")
def want(clean: Path) -> dict[str, str]:
    """SHA-256 of every file of the undisturbed data set."""
    return hashes(clean)


@pytest.fixture
def copy(clean: Path, tmp_path: Path) -> Path:
    """A copy of the undisturbed data set, to be damaged."""
    return Path(shutil.copytree(clean, tmp_path / "copy"))
