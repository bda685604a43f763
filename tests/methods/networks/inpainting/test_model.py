"""Backgrounds by an inpainting model whose result is known: the mean color of what it may see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from inpainting_models import RUNTIMES, SIDE, blurring

from maskgen.backgrounds.make import covered_region
from maskgen.backgrounds.region import grow_mask, margin_px
from maskgen.errors import ImageFault, UsageError
from maskgen.methods.networks.inpainting.declaration import InpaintingDeclaration
from maskgen.methods.networks.inpainting.model import (
    Inpainting,
    InpaintingOptions,
    load_inpainting,
    resolve_inpainting,
)

MASK = np.zeros((60, 80), np.bool_)
MASK[20:40, 30:50] = True
PHOTO = np.full((60, 80, 3), (40, 90, 140), np.uint8)
PHOTO[MASK] = (250, 20, 20)


def load(tmp_path: Path, white: float = 1.0, runtime: str = "onnxruntime", said: int = 1) -> Inpainting:
    (tmp_path / "m.onnx").write_bytes(blurring(white))
    (tmp_path / "mine.toml").write_text(f"output_range = {said}\n")
    return load_inpainting(InpaintingOptions(str(tmp_path / "m.onnx"), str(tmp_path / "mine.toml"), runtime))


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("white", [1, 255])
def test_the_hole_holds_what_the_model_paints_and_nothing_else_changes(
    tmp_path: Path, runtime: str, white: int
) -> None:
    before = PHOTO.copy()
    filled = load(tmp_path, white, runtime, white)(PHOTO, MASK)
    assert (filled.how, filled.region) == ("onnx", covered_region("onnx", MASK))
    assert np.abs(filled.image.astype(int) - (40, 90, 140)).max() <= 1  # the mean of the one known color
    y0, x0, y1, x1 = filled.region
    outside = np.ones(MASK.shape, bool)
    outside[y0:y1, x0:x1] = False
    assert np.array_equal(filled.image[outside], PHOTO[outside])
    assert np.array_equal(PHOTO, before)


@pytest.mark.parametrize("size", [(60, 80), (20, 33), (300, 97)])
def test_no_pixel_of_the_hole_reaches_the_model(tmp_path: Path, size: tuple[int, int]) -> None:
    """Two colors in turn over the grown mask give the same bytes, enlarged and shrunk."""
    maker, rng = load(tmp_path), np.random.default_rng(0)
    photo, mask = rng.integers(0, 256, (*size, 3), dtype=np.uint8), np.zeros(size, np.bool_)
    mask[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = True
    found = []
    for color in ((255, 0, 254), (0, 255, 1)):
        photo[grow_mask(mask, margin_px(size))] = color
        found.append(maker(photo, mask).image)
    assert np.array_equal(*found)


def test_without_foreground_it_is_the_photo_and_with_nothing_else_the_mean(tmp_path: Path) -> None:
    maker = load(tmp_path)
    assert maker(PHOTO, np.zeros_like(MASK)).image is PHOTO
    assert maker(PHOTO, np.ones_like(MASK)).how == "mean"


def test_an_output_of_another_range_or_not_finite_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not from 0 to 1"):
        load(tmp_path, 255, said=1)(PHOTO, MASK)
    with pytest.raises(ImageFault, match="NaN"):
        load(tmp_path, float("nan"))(PHOTO, MASK)


def test_what_is_resolved_needs_the_declarations_file_no_more(tmp_path: Path) -> None:
    load(tmp_path)
    resolved = resolve_inpainting(InpaintingOptions(str(tmp_path / "m.onnx"), str(tmp_path / "mine.toml")))
    (tmp_path / "mine.toml").unlink()
    assert resolve_inpainting(resolved) == resolved
    assert resolved.runtime == RUNTIMES[-1]
    assert f'"side":{SIDE}' in resolved.network
    with pytest.raises(UsageError, match="--background-weights"):
        resolve_inpainting(InpaintingOptions("", "lama"))


@pytest.mark.parametrize("known", [(slice(0, 12), slice(None)), (slice(None), slice(70, 80))])
def test_a_hole_that_leaves_the_model_no_pixel_is_filled_with_the_mean(known: tuple[slice, slice]) -> None:
    """A few rows or columns are known, fewer than one pixel of the model's side holds."""
    mask = np.ones((600, 80), np.bool_)
    mask[known] = False
    photo = np.full((600, 80, 3), (40, 90, 140), np.uint8)
    assert not grow_mask(mask, margin_px(photo.shape)).all()

    def run(small: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return np.full_like(small, np.nan if hole.all() else 0.5)

    filled = Inpainting(run, InpaintingDeclaration(side=16))(photo, mask)
    assert filled.how == "mean"
    assert np.array_equal(filled.image, photo)


def test_a_few_known_pixels_of_the_models_side_are_enough() -> None:
    mask = np.ones((600, 80), np.bool_)
    mask[:200] = False
    seen: list[np.ndarray] = []

    def run(small: np.ndarray, hole: np.ndarray) -> np.ndarray:
        seen.append(hole[0, 0] > 0)
        return np.full_like(small, 0.5)

    maker = Inpainting(run, InpaintingDeclaration(side=16))
    assert maker(np.zeros((600, 80, 3), np.uint8), mask).how == "onnx"
    assert 0 < (~seen[0]).sum() <= 64
