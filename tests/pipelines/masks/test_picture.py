"""What is drawn of a photo and its mask, held against arithmetic in float and against Pillow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from maskgen import make_background
from maskgen.config.run_config import make_config
from maskgen.errors import UsageError
from maskgen.io.images.decode import Limits
from maskgen.pipelines.masks.picture import Picture, cover, paste, read_behind
from maskgen.shards.sample import MaskPair, store_mask

LIMITS = Limits(1 << 20, 1 << 20, 1 << 12)
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 60, 3)).astype(np.uint8)


def masks(*, binary: bool = False) -> MaskPair:
    soft = np.zeros((40, 60), np.float32)
    soft[10:30, 20:40] = np.linspace(0, 1, 20, dtype=np.float32)
    config = make_config({"dataset": "sample", "output": "x", "binary": binary})
    return store_mask(soft, 0.5, config)


def read(data: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(picture if picture.ndim == 2 else picture[..., [2, 1, 0, *range(3, picture.shape[2])]])


@pytest.mark.parametrize("binary", [False, True])
def test_a_cutout_is_the_photo_with_the_mask_as_opacity(binary: bool) -> None:
    found = read(Picture("cutout", binary).render(PHOTO, masks(binary=binary)))
    assert (found[..., :3] == PHOTO).all()
    assert (found[..., 3] == masks(binary=binary).stored).all()
    assert (found[..., 3] == read(Picture("mask", binary).render(PHOTO, masks(binary=binary)))).all()


def test_pasting_is_the_weighted_mean_rounded() -> None:
    behind = RNG.integers(0, 256, PHOTO.shape).astype(np.uint8)
    share = RNG.integers(0, 256, (40, 60)).astype(np.uint8)
    wanted = np.rint((share[..., None] * PHOTO.astype(float) + (255.0 - share[..., None]) * behind) / 255)
    assert (paste(PHOTO, share, behind) == wanted).all()
    white, full = np.full_like(PHOTO, 255), np.full_like(share, 255)
    assert (paste(white, full, white) == 255).all()


def test_an_object_on_a_color_leaves_none_of_the_photo_outside() -> None:
    behind, facts = read_behind("#ff8000", LIMITS)
    found = read(Picture("onto", behind=behind).render(PHOTO, masks()))
    assert facts == {"color": [255, 128, 0]}
    assert (found[masks().stored == 0] == (255, 128, 0)).all()
    assert (found[masks().stored == 255] == PHOTO[masks().stored == 255]).all()


def test_a_background_is_what_the_library_makes() -> None:
    found = read(Picture("background", maker="telea").render(PHOTO, masks()))
    assert (found == make_background("telea", PHOTO, masks().hard)).all()


def test_an_overlay_changes_the_foreground_only() -> None:
    found, hard = read(Picture("overlay").render(PHOTO, masks())), masks().hard
    assert (found[~hard] == PHOTO[~hard]).all()
    assert (found[hard] != PHOTO[hard]).any(axis=1).all()


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (7, 200), (1, 1), (55, 83)])
def test_covering_fills_the_size_from_the_middle(size: tuple[int, int]) -> None:
    marked = np.zeros((45, 45, 3), np.uint8)
    marked[22, 22] = 255
    found = cover(marked, size)
    assert found.shape == (*size, 3)
    y, x = np.unravel_index(found[..., 0].argmax(), size)
    scale = max(size) / 45
    assert abs(y + 0.5 - size[0] / 2) <= scale
    assert abs(x + 0.5 - size[1] / 2) <= scale
    assert (cover(np.full((9, 30, 3), 7, np.uint8), size) == 7).all()


def test_a_photo_to_put_objects_on_is_known_by_its_content(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(PHOTO).save(tmp_path / name)
    first, second = (read_behind(str(tmp_path / name), LIMITS) for name in ("a.png", "b.png"))
    assert (first[0] == PHOTO).all()
    assert first[1] == second[1]
    (tmp_path / "c.png").write_bytes(b"GIF89a")
    for text in ("blurple", str(tmp_path / "c.png")):
        with pytest.raises(UsageError) as caught:
            read_behind(text, LIMITS)
        assert caught.value.remedy
