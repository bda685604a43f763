"""Two tasks of one data set in one folder, one of which may write small files only; prints how they ended.

Run as a script: it forks both tasks, so it must stay free of threads.

    two_tasks.py PHOTOS SCRATCH ROUNDS
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from conftest import InlineExecutor
from photos import hashes

from maskgen.config.run_config import make_config
from maskgen.errors import EnvironmentFault
from maskgen.pipelines import running
from maskgen.shards import naming

SEED = 20261128
LIMIT = 60_000  # bytes: room for the plan and the records, not for a tar


def make(photos: Path, output: Path, task: tuple[int, int]) -> None:
    """`maskgen run --task`, in this process."""
    values = {"dataset": "folder", "input": str(photos), "output": str(output), "method": "box"}
    config = make_config({**values, "shard_size": 6, "workers": 1, "max_failures": "100%"})
    running.run(config, running.RunOptions(task=task))


def fork(work: Callable[[], None], delay_s: float) -> int:
    """A child that exits with 0, with 3 for a fault of the environment, or with 1."""
    child = os.fork()
    if child:
        return child
    time.sleep(delay_s)
    try:
        work()
    except EnvironmentFault:
        os._exit(3)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(photos: Path, scratch: Path, rounds: int) -> None:
    """As many rounds with random delays; every one ends with the bytes of an undisturbed run."""
    running.LocalExecutor = InlineExecutor  # type: ignore[misc,assignment]
    draw, counts = random.Random(SEED), Counter[str]()
    make(photos, scratch / "undisturbed", (0, 1))
    want = hashes(scratch / "undisturbed")
    for number in range(rounds):
        output = scratch / str(number)

        def starved(output: Path = output) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
            make(photos, output, (0, 2))

        def well(output: Path = output) -> None:
            make(photos, output, (1, 2))

        children = [fork(starved, draw.uniform(0, 0.1)), fork(well, draw.uniform(0, 0.1))]
        ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        counts["starved_by_the_disk"] += ends[0] == 3
        counts["well"] += ends[1] == 0
        counts["plan"] += all((output / name).exists() for name in (naming.PLAN, naming.PLAN_TABLE))
        make(photos, output, (0, 1))
        counts["same_bytes"] += hashes(output) == want
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
