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
from maskgen.shards.sample import facts_of, store_mask

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


def test_a_lean_sample_keeps_the_foreground_and_is_a_fifth_of_a_whole_one() -> None:
    whole, lean = make(config_of(background="none")), make(config_of(members="lean"))
    assert list(lean) == ["jpg", "mask.png", "sat", "meta"]
    assert lean["jpg"] == whole["jpg"]
    sizes = [
        sum(512 + -(-len(data) // 512) * 512 for ext, data in one.items() if ext != "jpg")
        for one in (whole, lean)
    ]
    assert 4 * sizes[1] < sizes[0]
    assert sizes[1] <= 6000
    small = np.frombuffer(whole["fg"], np.uint8).reshape(128, 128)
    mask = cv2.imdecode(np.frombuffer(lean["mask.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    level = round(THRESHOLD * 255)
    assert np.array_equal(mask >= level, small >= level)
    assert int(np.abs(mask.astype(int) - small).max()) <= 17
    meta = unpack_meta(lean["meta"])
    assert int(meta["version"]) == 5
    hard = cv2.resize(mask, (W, H), interpolation=cv2.INTER_LINEAR) >= level
    rows, columns = np.flatnonzero(hard.any(axis=1)), np.flatnonzero(hard.any(axis=0))
    assert meta["fg_box"].tolist() == [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
    table = np.frombuffer(lean["sat"], "<u2").reshape(32, 32)
    assert table[-1, -1] == 65535
    left = hard[:, : W // 2].sum() + hard[:, W // 2].sum() / 2  # W is odd
    assert table[-1, 15] == pytest.approx(65535 * left / hard.sum(), abs=1)


def test_what_the_json_of_a_lean_sample_would_say_is_told_from_the_table() -> None:
    config = config_of(members="lean")
    sample = encode(config, photo(), blob(), (3, 7))
    row = {**sample.row, "label": "[3, 7]"}
    whole = json.loads(dict(encode(config_of(background="none"), photo(), blob(), (3, 7)).members)["json"])
    found = facts_of(row, config.fingerprint_fields())
    assert list(found) == [name for name in whole if name != "damage"]
    fixed = (
        "key",
        "source",
        "width",
        "height",
        "label",
        "method",
        "threshold",
        "background",
        "bg_box",
        "verbatim",
    )
    assert {name: found[name] for name in fixed} == {name: whole[name] for name in fixed}
    assert found["fg_area"] == pytest.approx(whole["fg_area"], rel=0.03)
