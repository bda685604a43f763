"""A few photos as a planned shard, for the tests of stages and workers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.config.run_config import make_config
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import ResolvedConfig, resolve
from maskgen.pipelines.shard.make import ShardJob
from maskgen.shards.plan import Plan


def photo(seed: int, size: tuple[int, int] = (40, 60)) -> NDArray[np.uint8]:
    """A noisy (H, W, 3) RGB photo with a bright square in its middle."""
    found = np.random.default_rng(seed).integers(0, 90, (*size, 3)).astype(np.uint8)
    found[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] += 150
    return found


def planned(folder: Path, count: int = 5, **options: object) -> tuple[ResolvedConfig, Plan]:
    """A planned run over `count` JPEGs, the fourth of which is no picture."""
    source = folder / "photos"
    source.mkdir()
    for number in range(count):
        data = cv2.imencode(".jpg", photo(number)[..., ::-1])[1].tobytes()
        (source / f"p{number}.jpg").write_bytes(b"no picture" if number == 3 else data)
    values = {"dataset": "folder", "input": str(source), "output": str(folder / "out"), "method": "box"}
    config = resolve(make_config({**values, "max_failures": "100%", **options}))
    return config, prepare(config)


def job(config: ResolvedConfig, plan: Plan, known_bad: dict[int, str] | None = None) -> ShardJob:
    """The job of the first shard."""
    output = Path(config.options.output)
    return ShardJob(output, 0, plan.shards[0].name, plan.members, plan.fingerprint, known_bad or {})
