"""Backgrounds tiled anew from meta against the background maker itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import maskgen
from maskgen.backgrounds.tiled import tiled
from maskgen.loaders import Background, Recipe, SampleReader, View, open_dataset
from maskgen.loaders.pixels.sources import SourceReader
from maskgen.loaders.pixels.tiles import tile, tiling
from maskgen.shards.confidence import suspected
from maskgen.shards.coverage import foreground_box, small_mask
from maskgen.shards.meta import pack_meta, unpack_meta
from maskgen.types import Box


def meta_of(mask: NDArray[np.bool_]) -> np.void:
    size, nothing = (mask.shape[0], mask.shape[1]), Box(0, 0, 0, 0)
    raw = pack_meta(size, foreground_box(mask), nothing, None, float(mask.mean()), Box(0, 0, *size), 0.5)
    return unpack_meta(raw)


def soft_of(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A soft mask with this hard one at 128, and suspicions here and there."""
    soft = np.where(mask, 200, 0)
    for _ in range(3):
        y, x = (int(rng.integers(0, side)) for side in mask.shape)
        soft[y : y + 40, x : x + 60] += int(rng.integers(0, 30))
    return soft.astype(np.uint8)


def test_the_same_pixels_wherever_a_strip_was_tiled() -> None:
    rng = np.random.default_rng(0)
    seen, unlike_the_largest = set(), 0
    for _ in range(300):
        height, width = (int(v) for v in rng.integers(20, 200, 2))
        photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), bool)
        (y0, y1), (x0, x1) = (np.sort(rng.integers(0, side + 1, 2)) for side in (height, width))
        mask[y0:y1, x0:x1] = rng.random((y1 - y0, x1 - x0)) < 0.5
        small = small_mask(soft_of(mask, rng))
        filled, how = tiled(photo, mask, small), tiling(meta_of(mask), small)
        seen.add(filled.how)
        unlike_the_largest += filled.how != tiled(photo, mask).how
        if how is None:
            assert filled.how in {"untouched", "tiled-rectangle", "mean"}
            continue
        assert filled.how in {"tiled-left", "tiled-right", "tiled-top", "tiled-bottom"}
        assert how.region == filled.region
        assert (tile(photo, how.region, how.strip) == filled.image).all()
    assert len(seen) >= 5
    assert unlike_the_largest > 30


def test_nothing_to_repeat_beside_the_foreground() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    frame = np.ones((100, 120), bool)
    frame[20:80, 20:100] = False
    for mask, how in (
        (frame, "tiled-rectangle"),
        (np.ones_like(frame), "mean"),
        (~np.ones_like(frame), "untouched"),
    ):
        assert tiled(photo, mask).how == how
        assert tiling(meta_of(mask), small_mask(mask.astype(np.uint8) * 255)) is None


@pytest.mark.slow
def test_a_loader_repeats_the_strip_that_a_run_chose_where_logits_are_doubled(tmp_path: Path) -> None:
    """On one photo of the sample it is another one than the stored mask itself would have."""
    maskgen.run(dataset="sample", output=str(tmp_path), method="fast", background="tiled", workers=1)
    donors = Recipe(views=(View(size=32, background=Background(replace="donor", p=1.0)),))
    reader = SampleReader(open_dataset(tmp_path), ("jpg", "bg.jpg"))
    sources = SourceReader(reader, donors, tile=True).read(np.arange(16), 0, 0)
    chosen = {int(view.donor[row]) for view in sources.draws.views for row in range(16)}
    assert not sources.backgrounds.keys() & chosen, "none of them is read"
    apart, moved = [], 0
    for row in range(16):
        meta, fg = sources.taken.small.meta[row], sources.taken.small.fg[row]
        how = tiling(meta, suspected(fg, "fast"))
        assert how is not None
        moved += tiling(meta, fg) != how
        photo, stored = (
            np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
            for data in (sources.photos[row], reader.encoded(row, "bg.jpg", meta))
        )
        apart.append(float(np.abs(tile(photo, how.region, how.strip).astype(int) - stored).mean()))
    assert moved
    assert max(apart) < 3, "the noise of the stored JPEG"
