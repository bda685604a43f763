"""Backgrounds stored whole or as a patch come back whole, and touch the photo nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskgen.backgrounds import telea, tiled
from maskgen.errors import ShardFault
from maskgen.io.images.encode import encode_jpeg, resize_short_side
from maskgen.io.images.stored import decode_photo
from maskgen.shards import patch
from maskgen.shards.meta import pack_meta
from maskgen.types import Background, Box

STORES = ("full", "patch")


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([40 + 150 * x / width, 220 - 150 * y / height, 90 + 60 * y / height], axis=2).astype(
        np.uint8
    )


@st.composite
def places(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    y0, x0 = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return (height, width), Box(y0, x0, draw(st.integers(y0 + 1, height)), draw(st.integers(x0 + 1, width)))


@pytest.mark.slow
@given(places(), st.sampled_from(STORES), st.integers(0, 1000))
def test_cut_and_pasted_is_the_background_again(
    place: tuple[tuple[int, int], Box], store: str, seed: int
) -> None:
    size, region = place
    photo = noise(*size, seed)
    background = photo.copy()
    background[region.y0 : region.y1, region.x0 : region.x1] = 7
    box = patch.stored_box(region, size, store)
    kept = photo.copy()
    whole = patch.paste_background(photo, patch.cut_background(background, box, 0), box)
    assert (whole == background).all()
    assert (photo == kept).all()


@pytest.mark.parametrize("size", [(375, 500), (500, 333), (16, 16), (9, 40), (1, 1)])
def test_without_foreground_a_corner_of_the_photo_is_stored(size: tuple[int, int]) -> None:
    photo = noise(*size)
    box = patch.stored_box(Box(0, 0, 0, 0), size, "patch")
    assert box == (0, 0, min(16, size[0]), min(16, size[1]))
    assert (patch.paste_background(photo, patch.cut_background(photo, box, 0), box) == photo).all()


@pytest.mark.parametrize("size", [(375, 500), (500, 333), (224, 224), (100, 300), (1000, 301)])
@pytest.mark.parametrize("side", [0, 96, 224, 256, 2000])
def test_a_whole_background_has_the_size_of_a_photo_of_that_short_side(
    size: tuple[int, int], side: int
) -> None:
    whole = Box(0, 0, *size)
    assert patch.stored_size(whole, size, side) == resize_short_side(noise(*size), side).shape[:2]


def test_a_patch_shrinks_as_its_photo_does() -> None:
    assert patch.stored_size(Box(100, 50, 300, 150), (400, 500), 200) == (100, 50)
    assert patch.stored_size(Box(100, 50, 300, 150), (400, 500), 400) == (200, 100)
    assert patch.stored_size(Box(0, 0, 1, 1), (4000, 5000), 100) == (1, 1)


def test_a_shrunk_patch_is_enlarged_in_its_place() -> None:
    photo = np.zeros((200, 300, 3), np.uint8)
    background = photo.copy()
    box = Box(40, 60, 140, 260)
    background[40:140, 60:260] = (10, 200, 90)
    stored = patch.cut_background(background, box, 50)
    assert stored.shape == (25, 50, 3)
    assert (patch.paste_background(photo, stored, box) == background).all()


@pytest.mark.parametrize(
    "box",
    [Box(0, 0, 0, 0), Box(5, 5, 5, 9), Box(-1, 0, 4, 4), Box(0, 0, 21, 4), Box(0, 0, 4, 31), Box(9, 9, 4, 4)],
)
def test_a_place_off_the_photo_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="photo of 30x20 px"):
        patch.paste_background(noise(20, 30), noise(4, 4), box)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("fill", [tiled, telea])
@pytest.mark.parametrize("empty", [False, True])
def test_read_from_its_members(store: str, fill: Background, empty: bool) -> None:
    photo_bytes = encode_jpeg(smooth(150, 201), 95)
    photo = decode_photo(photo_bytes)
    mask = np.zeros(photo.shape[:2], bool)
    mask[31:88, 57:120] = not empty
    filled = fill(photo, mask)
    members, box = _members(photo_bytes, filled.image, filled.region, store)
    whole = patch.read_background(members)
    assert np.abs(whole.astype(int) - filled.image).mean() < 0.5  # the JPEG's rounding
    assert (patch.read_background(members, photo) == whole).all()
    if store == "patch":
        outside = np.ones(mask.shape, bool)
        outside[box.y0 : box.y1, box.x0 : box.x1] = False
        assert (whole[outside] == photo[outside]).all()
        with pytest.raises(KeyError):
            patch.read_background({ext: data for ext, data in members.items() if ext != "jpg"})
        with pytest.raises(ShardFault, match="photo of 100x50 px for 201x150"):
            patch.read_background(members, noise(50, 100))


def _members(
    photo: bytes, background: NDArray[np.uint8], region: Box, store: str
) -> tuple[dict[str, bytes], Box]:
    size = (background.shape[0], background.shape[1])
    box = patch.stored_box(region, size, store)
    meta = pack_meta(size, region, Box(0, 0, 0, 0), 3, 0.1, box, 0.5)
    assert patch.background_box(meta) == box
    stored = encode_jpeg(patch.cut_background(background, box, 0), 95)
    return {"jpg": photo, "bg.jpg": stored, "meta": meta}, box


@pytest.mark.parametrize(
    ("place", "value"), [(1, 0), (2, -5), (1, 2**31 - 1), (13, -1), (14, 5000), (15, 0), (16, 202)]
)
def test_a_forged_meta_is_refused_before_anything_of_its_size_is_made(place: int, value: int) -> None:
    data = encode_jpeg(smooth(150, 201), 95)
    members, _ = _members(data, smooth(150, 201), Box(20, 30, 60, 90), "patch")
    meta = np.frombuffer(members["meta"], "<i4").copy()
    meta[place] = value
    with pytest.raises(ShardFault, match="does not fit its photo"):
        patch.read_background({**members, "meta": meta.tobytes()})
