"""Shards of flat drawings whose pixels say whose they are: a background's level is ten times its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.challenge.settings import Settings
from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.shards import manifest, naming
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import Plan, PlannedShard
from maskgen.shards.sample import SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import Label

H, W = 40, 60
BOX = (12, 22, 28, 38)
"""Of the foreground: y0, x0, y1, x1; a sixth of the photo, in its middle."""
FOREGROUND = 250


@dataclass(frozen=True)
class Drawing:
    """A photo with a flat background, a flat foreground and a mask that is exact or, by `box`, is not."""

    number: int
    label: Label
    box: tuple[int, int, int, int] = BOX
    fill: float = 1.0

    @property
    def key(self) -> str:
        return f"k{self.number:02d}"

    @property
    def mask(self) -> NDArray[np.float32]:
        mask = np.zeros((H, W), np.float32)
        y0, x0, y1, x1 = self.box
        mask[y0 : y0 + max(0, round((y1 - y0) * self.fill)), x0:x1] = 1
        mask[y0:y1, x0 : x0 + (y1 > y0)] = 1
        return mask

    @property
    def image(self) -> NDArray[np.uint8]:
        image = np.full((H, W, 3), 10 * self.number, np.uint8)
        image[self.mask > 0] = FOREGROUND
        return image


def write_shards(folder: Path, drawings: Sequence[Drawing], *, size: int = 5, kind: str = "full") -> Path:
    """Shards as `maskgen run --members KIND` commits them."""
    (folder / naming.RECORDS).mkdir(parents=True)
    config = RunConfig(
        dataset="folder",
        output="",
        method="box",
        threshold=0.5,
        background="none",
        photo_format="png",
        members=kind,
    )
    parts = [drawings[first : first + size] for first in range(0, len(drawings), size)]
    planned = tuple(PlannedShard(f"folder-train-{n:06d}", len(part), "") for n, part in enumerate(parts))
    classes = any(isinstance(one.label, int) for one in drawings)
    members = naming.members(
        photo=True, background=False, classes=classes, lossless=True, lean=kind == "lean"
    )
    identity: dict[str, Any] = {
        "format": naming.written_format(kind),
        "options": config.fingerprint_fields(),
        "drawings": digest([repr(one) for one in drawings]),
    }
    plan = Plan(identity, members, len(drawings), 0, planned, ())
    for part, shard in zip(parts, planned, strict=True):
        with ShardWriter(folder, shard.name, members, plan.fingerprint) as writer:
            for one in part:
                pair = store_mask(one.mask, config.threshold, config)
                path = f"class {one.label}/{one.key}.png"
                label = -1 if classes and one.label is None else one.label
                sample, free = SampleId(one.key, label, path), largest_free_rectangle(pair.hard)
                encoded = encode_sample(sample, StoredPhoto(one.image), pair, None, free, config)
                writer.add(encoded, label, f"{one.number:064d}")
            writer.commit()
    manifest.write(folder, plan)
    return folder


CLASSES = (7, 7, 7, 2, 2, 2, 2, 30, 30, 30, 30, 30)
DRAWINGS = [Drawing(number, label) for number, label in enumerate(CLASSES, 1)]
"""Three classes of 3, 4 and 5 photos."""
SETTINGS = Settings(side=H)
