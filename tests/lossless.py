"""Shards whose photos are PNGs, made in this process: small noisy photos, which a JPEG would spoil."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.config.run_config import make_config
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.shard.make import ShardJob, make_shard
from maskgen.pipelines.shard.stages import Stages
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards import manifest
from maskgen.shards.plan import shard_rows

COUNT, SIDE = 6, 32


def photo(number: int) -> NDArray[np.uint8]:
    """(32, 32, 3) RGB noise."""
    return np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def key(number: int) -> str:
    """Of a photo: its class is its number modulo 2."""
    return f"{'ab'[number % 2]}_p{number}"


def make_lossless(folder: Path) -> Path:
    """Six photos in ``photos/``, and what a run makes of them in the folder that is returned."""
    for number in range(COUNT):
        path = folder / "photos" / "ab"[number % 2] / f"p{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), photo(number)[..., ::-1])
    places = {"dataset": "folder", "input": str(folder / "photos"), "output": str(folder / "shards")}
    options = {"method": "box", "labels": "folder", "background_store": "patch"}
    config = resolve(make_config({**places, **options}))
    plan = prepare(config)
    output = folder / "shards"
    job = ShardJob(output, 0, plan.shards[0].name, plan.members, plan.fingerprint)
    make_shard(job, shard_rows(output, 0), Stages(config, plan.members), Watch(list(IDLE)))
    manifest.write(output, plan)
    assert plan.members[0] == "png"
    return output
