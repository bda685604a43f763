"""The CPU graph's steps against Pillow, scipy, and arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from maskgen.loaders.pixels import kernels
from maskgen.loaders.sampling.photometric import color_matrix
from maskgen.types import Box

H, W = 150, 200


def picture(seed: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape or (H, W, 3), dtype=np.uint8)


def relative(y0: int, x0: int, y1: int, x1: int) -> list[float]:
    return [float(np.float32(v)) for v in (y0 / H, x0 / W, y1 / H, x1 / W)]


BOXES = [
    (30, 40, 130, 170),
    (60, 100, 90, 125),
    (0, 0, H, W),
    (0, 0, 1, 1),
    (149, 199, 150, 200),
    (5, 190, 69, 199),
]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("size", [24, 96, 224])
def test_cut_is_pillows_resize_of_the_crop(box: tuple[int, ...], size: int) -> None:
    photo = picture(0)
    y0, x0, y1, x1 = box
    peer = np.asarray(Image.fromarray(photo[y0:y1, x0:x1]).resize((size, size), Image.Resampling.BILINEAR))
    ours = kernels.cut(photo, relative(*box), size)
    assert ours.shape == (size, size, 3)
    assert ours.flags.c_contiguous
    assert np.abs(ours.astype(int) - peer).max() <= 1


def test_a_region_from_right_to_left_is_the_view_flipped() -> None:
    photo, mask = picture(1), picture(2, 128, 128)
    y0, x0, y1, x1 = relative(20, 30, 120, 150)
    turned = [y0, x1, y1, x0]
    assert (kernels.cut(photo, turned, 96) == kernels.cut(photo, [y0, x0, y1, x1], 96)[:, ::-1]).all()
    back = kernels.cut_mask(mask, turned, 96)[:, ::-1].astype(int)
    assert np.abs(back - kernels.cut_mask(mask, [y0, x0, y1, x1], 96)).max() <= 1


@pytest.mark.parametrize("box", BOXES[:3])
@pytest.mark.parametrize("size", [96, 224])
def test_cut_mask_samples_at_the_centers_of_the_views_pixels(box: tuple[int, ...], size: int) -> None:
    mask = ndimage.gaussian_filter(picture(3, 128, 128), 3)
    y0, x0, y1, x1 = relative(*box)
    steps = (np.arange(size) + 0.5) / size
    rows, columns = (y0 + steps * (y1 - y0)) * 128 - 0.5, (x0 + steps * (x1 - x0)) * 128 - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    exact = ndimage.map_coordinates(mask.astype(float), grid, order=1, mode="nearest")
    assert np.abs(kernels.cut_mask(mask, [y0, x0, y1, x1], size) - exact).max() <= 1


@pytest.mark.parametrize("sigma", [0.1, 0.34, 1.0, 1.7, 2.0])
def test_blur_is_scipys_with_the_same_window(sigma: float) -> None:
    view = picture(4, 96, 96, 3)
    radius = int(np.ceil(3 * sigma))
    peer = ndimage.gaussian_filter(
        view.astype(float), (sigma, sigma, 0), mode="mirror", radius=(radius, radius, 0)
    )
    assert np.abs(kernels.blur(view, sigma) - peer).max() <= 0.51


def test_chain_goes_color_blur_solarize() -> None:
    view = picture(5, 64, 64, 3)
    matrix = color_matrix(np.array([[1.3, 0.8, 0.4, 25.0]], np.float32))[0]
    colored = np.clip(view.astype(float) @ matrix[:, :3].T + matrix[:, 3], 0, 255)
    blurred = ndimage.gaussian_filter(np.rint(colored), (1, 1, 0), mode="mirror", radius=(3, 3, 0))
    rounded = np.rint(blurred)
    expected = np.where(rounded >= 100, 255 - rounded, rounded)
    made = kernels.photometric(view, matrix, 1.0, 1.0, 100).astype(float)
    edge = np.abs(blurred - 99.5) < 1.1  # a rounding apart, the threshold turns the value over
    assert np.abs(made - expected)[~edge].max() <= 1
    assert edge.mean() < 0.05


def test_chain_with_nothing_to_do_gives_the_picture_back() -> None:
    view = picture(6, 16, 16, 3)
    assert kernels.photometric(view, None, 0.0, 0.0, 128) is view


@pytest.mark.parametrize("level", [1, 77, 128, 255])
def test_hard_and_compose(level: int) -> None:
    soft, front, back = picture(7, 32, 32), picture(8, 32, 32, 3), picture(9, 32, 32, 3)
    mask = kernels.hard(soft, level)
    assert (mask == np.where(soft >= level, 255, 0)).all()
    expected = np.where((soft >= level)[..., None], front, back)
    assert (kernels.compose(front, back.copy(), mask) == expected).all()


def test_blend_is_half_at_the_threshold_and_whole_beyond_the_edge() -> None:
    soft = np.arange(256, dtype=np.uint8).reshape(1, 256)
    front, back = np.full((1, 256, 3), 200, np.uint8), np.full((1, 256, 3), 100, np.uint8)
    made = kernels.blend(front, back, soft, level=100, softness=0.2)[0, :, 0]
    assert made[100] == 150
    assert (made[:74] == 100).all()
    assert (made[126:] == 200).all()
    assert (np.diff(made[74:127].astype(int)) >= 0).all()


def test_paste_puts_a_patch_into_its_box() -> None:
    photo, patch = picture(10), picture(11, 30, 50, 3)
    whole = kernels.paste(photo, patch, relative(40, 60, 70, 110))
    expected = photo.copy()
    expected[40:70, 60:110] = patch
    assert (whole == expected).all()
    assert (photo == picture(10)).all()


def test_boxes_of_any_photo_survive_float32() -> None:
    rng = np.random.default_rng(12)
    for _ in range(2000):
        height, width = (int(v) for v in rng.integers(1, 5000, 2))
        y0, y1 = sorted(rng.integers(0, height + 1, 2).tolist())
        x0, x1 = sorted(rng.integers(0, width + 1, 2).tolist())
        place = (np.array([y0, x0, y1, x1]) / [height, width, height, width]).astype(np.float32).tolist()
        photo = np.broadcast_to(np.zeros(3, np.uint8), (height, width, 3))
        assert kernels.pixel_box(photo, place) == Box(y0, x0, y1, x1)
