"""A data set of two shards with its plan, written as `maskgen run` would, small enough to be made for each
test.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from maskgen.config.run_config import RunConfig
from maskgen.io.arrow import table_of
from maskgen.shards import manifest, naming
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import Plan, PlannedImage, PlannedShard, rows_digest, to_row
from maskgen.shards.plan_table import ROWS, write_table
from maskgen.shards.sample import Encoded, SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import Box, ByteRef

CONFIG = RunConfig(dataset="sample", output="x", method="box", background="none", threshold=0.5)
MEMBERS = naming.members(photo=True, background=False, classes=True)


@dataclass(frozen=True)
class DataSet:
    """A folder of shards, its plan, and what was put into each shard; the last image of the second is no
    photo.
    """

    path: Path
    plan: Plan
    samples: tuple[tuple[Encoded, ...], ...]

    def commit(self, number: int) -> bool:
        """Write a shard; whether this call made it."""
        shard = self.plan.shards[number]
        with ShardWriter(self.path, shard.name, self.plan.members, self.plan.fingerprint) as writer:
            for sample in self.samples[number]:
                writer.add(sample, number, "a" * 64)
            if number == 1:
                writer.quarantine(SampleId("torn", 1, "torn.jpg"), "truncated: ends early", None)
            return writer.commit()[1]


def encoded(key: str, label: int) -> Encoded:
    """A square on noise."""
    rng = np.random.default_rng(sum(key.encode()))
    mask = np.zeros((40, 50), np.float32)
    mask[8:30, 10 : 20 + label] = 1
    image = rng.integers(0, 256, (40, 50, 3), np.uint8)
    masks = store_mask(mask, 0.5, CONFIG)
    free = Box(0, 20 + label, 40, 50)
    return encode_sample(SampleId(key, label, f"{key}.jpg"), StoredPhoto(image), masks, None, free, CONFIG)


@pytest.fixture
def planned(tmp_path: Path) -> DataSet:
    """The plan alone; no shard is committed."""
    path = tmp_path / "shards"
    (path / naming.RECORDS).mkdir(parents=True)
    keys = (("a0", "a1"), ("b0", "torn"))
    rows = [
        [PlannedImage(SampleId(key, n, f"{key}.jpg"), ByteRef(f"{key}.jpg", 0, 9)) for key in part]
        for n, part in enumerate(keys)
    ]
    with (path / naming.PLAN_TABLE).open("wb") as file:
        write_table(file, (table_of([to_row(one) for one in part], ROWS) for part in rows))
    shards = tuple(
        PlannedShard(naming.shard_name("d", "train", n), 2, rows_digest([to_row(one) for one in part]))
        for n, part in enumerate(rows)
    )
    identity = {
        "format": naming.FORMAT_VERSION,
        "options": CONFIG.fingerprint_fields(),
        "versions": {},
        "plan": "0",
    }
    sha256 = hashlib.sha256((path / naming.PLAN_TABLE).read_bytes()).hexdigest()
    plan = Plan(identity, MEMBERS, 4, 36, shards, ("one note",), sha256)
    (path / naming.PLAN).write_bytes(plan.render())
    samples = ((encoded("a0", 0), encoded("a1", 0)), (encoded("b0", 1),))
    return DataSet(path, plan, samples)


@pytest.fixture
def committed(planned: DataSet) -> DataSet:
    """The whole data set."""
    for number in range(2):
        assert planned.commit(number)
    manifest.write(planned.path, planned.plan)
    return planned
