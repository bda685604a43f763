"""Samples under every way to store them: their places agree, and what counts as foreground comes from what
is stored.
"""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sample_kit import THRESHOLD, H, W, blob, config_of, encode, photo

from maskgen.config.run_config import RunConfig
from maskgen.io.images.stored import decode_photo
from maskgen.shards import patch
from maskgen.shards.meta import unpack_meta
from maskgen.shards.sample import store_mask

NOWHERE = [0, 0, 0, 0]


def make(config: RunConfig, *, empty: bool = False) -> dict[str, bytes]:
    return dict(encode(config, photo(), blob(empty=empty)).members)


OPTIONS: tuple[dict[str, object], ...] = (
    {},
    {"background_store": "patch"},
    {"background_store": "patch", "background_side": 60},
    {"background_store": "patch", "layout": "sidecar"},
    {"background_store": "patch", "background": "telea", "mask_side": 80},
    {"background_side": 60, "binary": True},
    {"background": "none", "background_store": "patch"},
    {"photo_format": "png", "background_store": "patch"},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("empty", [False, True])
def test_every_store_says_where_its_background_lies(options: dict[str, object], empty: bool) -> None:
    config = config_of(**options)
    parts = make(config, empty=empty)
    place = patch.background_box(parts["meta"])
    facts = json.loads(parts["json"])
    assert facts["bg_box"] == list(place)
    if config.background == "none":
        assert "bg.jpg" not in parts
        assert facts["bg_box"] == NOWHERE
    elif config.background_store == "full":
        assert place == (0, 0, H, W)
    elif empty:
        assert place == (0, 0, 16, 16)
    else:
        box = facts["fg_box"]
        assert place[0] < box[0]
        assert place[3] > box[3]
        assert 0 < place.area < H * W
    if config.background_side:
        stored, short = decode_photo(parts["bg.jpg"]), 60 / H
        assert stored.shape[:2] == pytest.approx(
            ((place.y1 - place.y0) * short, (place.x1 - place.x0) * short), abs=1
        )


def test_a_patch_is_a_part_of_the_same_background() -> None:
    patched, full = (
        make(config_of(background_store=store, background_quality=100)) for store in ("patch", "full")
    )
    assert len(patched["bg.jpg"]) < len(full["bg.jpg"])
    difference = patch.read_background(patched).astype(int) - patch.read_background(full)
    assert np.abs(difference).mean() < 1


@pytest.mark.slow
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.floats(-2, 3, width=32) | st.integers(0, 510).map(lambda n: float(np.float32(n / 510))),
    )
)
def test_masks_are_rounded_to_the_nearest_level(mask: NDArray[np.float32]) -> None:
    config = config_of()
    want = np.rint(np.clip(mask, 0, 1) * np.float32(255)).astype(np.uint8)
    assert (store_mask(mask, THRESHOLD, config).stored == want).all()
    assert (store_mask(np.asfortranarray(mask), THRESHOLD, config).stored == want).all()
    assert (store_mask(mask[::-1], THRESHOLD, config).stored == want[::-1]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_mask_that_is_not_finite_is_refused(value: float) -> None:
    mask = np.full((50, 70), 0.5, np.float32)
    mask[49, 69] = value
    with pytest.raises(ValueError, match="not finite"):
        store_mask(mask, THRESHOLD, config_of())


def test_what_counts_as_foreground_comes_from_what_is_stored() -> None:
    for options in ({}, {"mask_side": 60}, {"binary": True, "mask_side": 60}):
        pair = store_mask(blob(), THRESHOLD, config_of(**options))
        level = 128 if options.get("binary") else round(THRESHOLD * 255)
        full = cv2.resize(pair.stored, (W, H), interpolation=cv2.INTER_LINEAR)
        assert (pair.hard == (full >= level)).all()
        exact = blob() >= THRESHOLD
        assert (pair.hard & exact).sum() / (pair.hard | exact).sum() > 0.95


def test_the_area_and_box_are_those_of_the_mask() -> None:
    parts = make(config_of())
    hard = np.rint(blob() * 255) >= round(THRESHOLD * 255)
    rows, columns = np.nonzero(hard)
    facts = json.loads(parts["json"])
    assert facts["fg_area"] == pytest.approx(hard.mean(), abs=1e-6)
    assert facts["fg_box"] == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    meta = unpack_meta(parts["meta"])
    assert meta["version"] == 4
    y0, x0, y1, x1 = meta["free_box"].tolist()
    assert not hard[y0:y1, x0:x1].any()
