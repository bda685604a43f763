"""Crops against a slow rule on the full mask, torchvision, and arithmetic by hand."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from torchvision.transforms import RandomResizedCrop

from maskgen.loaders import centre_crops, constrained_crops, coverage
from maskgen.shards.coverage import summed_area_table

SCALE, RATIO = (0.2, 1.0), (3 / 4, 4 / 3)


def ellipse(rng: np.random.Generator, height: int, width: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[0:height, 0:width] + 0.5
    centre, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.05, 0.45, 2)
    reach = np.hypot((y / height - centre[0]) / radius[0], (x / width - centre[1]) / radius[1])
    return np.asarray(reach <= 1)


def slow_crop(
    mask: NDArray[np.bool_], tries: NDArray[np.float64], fg_min: float
) -> tuple[int, int, int, int]:
    """The rule as a loop over pixels boxes (top, left, height, width), with the foreground counted exactly."""
    height, width = mask.shape
    for area_u, ratio_u, top_u, left_u in tries.tolist():
        area = height * width * (SCALE[0] + area_u * (SCALE[1] - SCALE[0]))
        aspect = math.exp(math.log(RATIO[0]) + ratio_u * (math.log(RATIO[1]) - math.log(RATIO[0])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if not (0 < w <= width and 0 < h <= height):
            continue
        top, left = int(top_u * (height - h + 1)), int(left_u * (width - w + 1))
        if not mask.any() or mask[top : top + h, left : left + w].sum() / mask.sum() >= fg_min:
            return top, left, h, w
    if width / height < RATIO[0]:
        w, h = width, round(width / RATIO[0])
    elif width / height > RATIO[1]:
        w, h = round(height * RATIO[1]), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w


def in_pixels(boxes: NDArray[np.float32], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    exact = boxes * np.tile(sizes, 2)
    assert np.abs(exact - np.rint(exact)).max() < 1e-3, "edges are whole pixels"
    return np.rint(exact).astype(np.int64)


def agreement(masks: list[NDArray[np.bool_]], fg_min: float, draws: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    sizes = np.array([mask.shape for mask in masks])
    sat = np.stack([summed_area_table(mask) for mask in masks])
    same = []
    for _ in range(draws):
        uniforms = rng.random((len(masks), 10, 4))
        fast = in_pixels(constrained_crops(sat, sizes, uniforms, fg_min=fg_min), sizes)
        slow = [slow_crop(mask, tries, fg_min) for mask, tries in zip(masks, uniforms, strict=True)]
        same.append((fast == slow).all(axis=1))
    return float(np.mean(same))


def test_coverage_is_exact_on_grid_lines() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((64, 96)) < 0.3
    sat = summed_area_table(mask)[None]
    for _ in range(300):
        (y0, y1), (x0, x1) = (np.sort(rng.choice(33, 2, replace=False)) for _ in range(2))
        exact = mask[2 * y0 : 2 * y1, 3 * x0 : 3 * x1].sum() / mask.sum()
        box = np.array([[y0, x0, y1 - y0, x1 - x0]]) / 32
        assert coverage(sat, box)[0] == pytest.approx(exact, abs=2.1 / 65535)


def test_coverage_between_grid_lines_stays_close() -> None:
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(200):
        mask = ellipse(rng, int(rng.integers(60, 400)), int(rng.integers(60, 400)))
        height, width = mask.shape
        h, w = int(rng.integers(height // 3, height + 1)), int(rng.integers(width // 3, width + 1))
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        box = np.array([[y / height, x / width, h / height, w / width]])
        exact = mask[y : y + h, x : x + w].sum() / mask.sum()
        errors.append(abs(coverage(summed_area_table(mask)[None], box)[0] - exact))
    assert np.max(errors) < 0.06
    assert np.mean(errors) < 0.004


def test_coverage_takes_any_number_of_boxes() -> None:
    rng = np.random.default_rng(2)
    sat = np.stack([summed_area_table(ellipse(rng, 80, 70)) for _ in range(3)])
    boxes = rng.random((3, 5, 2, 4)) / 2
    many = coverage(sat, boxes)
    assert many.shape == (3, 5, 2)
    assert many[1, 4, 1] == coverage(sat[1:2], boxes[1:2, 4, 1])[0]


@pytest.mark.parametrize("fg_min", [0.0, 0.25, 0.5, 0.75])
def test_same_crop_as_the_slow_rule(fg_min: float) -> None:
    rng = np.random.default_rng(3)
    masks = [ellipse(rng, *(int(v) for v in rng.integers(40, 300, 2))) for _ in range(60)]
    rate = agreement(masks, fg_min, draws=8, seed=4)
    assert rate == 1 if fg_min == 0 else rate >= 0.99


@pytest.mark.parametrize(("fg_min", "target"), [(0.1, 0.995), (0.25, 0.995), (0.5, 0.995), (0.75, 0.995)])
def test_same_crop_on_real_masks(shared_data: Path, fg_min: float, target: float) -> None:
    files = sorted((shared_data / "ecssd" / "ground_truth_mask").iterdir())[::3]
    masks = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) >= 128 for file in files]
    assert len(masks) > 100
    assert agreement(masks, fg_min, draws=10, seed=5) >= target


def test_constraint_holds_on_the_full_mask() -> None:
    rng = np.random.default_rng(6)
    masks = [ellipse(rng, 150, 200) for _ in range(300)]
    sizes = np.full((300, 2), (150, 200))
    sat = np.stack([summed_area_table(mask) for mask in masks])
    boxes = in_pixels(constrained_crops(sat, sizes, rng.random((300, 10, 4)), fg_min=0.6), sizes)
    shares = [m[y : y + h, x : x + w].sum() / m.sum() for m, (y, x, h, w) in zip(masks, boxes, strict=True)]
    assert min(shares) >= 0.6 - 0.03
    plain = in_pixels(constrained_crops(sat, sizes, rng.random((300, 10, 4))), sizes)
    shares = [m[y : y + h, x : x + w].sum() / m.sum() for m, (y, x, h, w) in zip(masks, plain, strict=True)]
    assert min(shares) < 0.3, "without the constraint some crops miss the foreground"


def test_mask_without_foreground_gives_the_plain_crop() -> None:
    rng = np.random.default_rng(7)
    sizes = rng.integers(50, 300, (40, 2))
    uniforms = rng.random((40, 10, 4))
    empty = np.zeros((40, 33, 33), np.uint16)
    assert (
        constrained_crops(empty, sizes, uniforms, fg_min=0.9) == constrained_crops(empty, sizes, uniforms)
    ).all()


def test_ten_refusals_give_the_centre_crop() -> None:
    mask = np.zeros((100, 100), bool)
    mask[0, 0] = mask[-1, -1] = True
    uniforms = np.zeros((1, 10, 4))  # always the smallest crop at the top left: half of the foreground
    boxes = constrained_crops(summed_area_table(mask)[None], np.array([[100, 100]]), uniforms, fg_min=0.9)
    assert boxes.tolist() == [[0, 0, 1, 1]]


def test_the_first_good_try_wins() -> None:
    mask = np.zeros((320, 320), bool)
    mask[160:, 160:] = True
    tries = np.full((1, 10, 4), 0.5)
    tries[0, :, 0] = 0.1  # 28 % of the area
    tries[0, :3, 2:] = 0.0  # the first three at the top left
    tries[0, 3, 2:] = 0.999  # the fourth at the bottom right
    boxes = constrained_crops(summed_area_table(mask)[None], np.array([[320, 320]]), tries, fg_min=0.8)
    assert boxes[0, :2].min() > 0.46


@pytest.mark.parametrize("size", [(300, 400), (375, 500), (500, 333), (90, 400)])
def test_plain_crop_has_the_distribution_of_torchvision(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    count = 3000
    photo = torch.empty(3, *size)
    theirs = np.array([RandomResizedCrop.get_params(photo, SCALE, RATIO) for _ in range(count)])
    sizes = np.tile(np.array(size), (count, 1))
    uniforms = np.random.default_rng(1).random((count, 10, 4))
    ours = in_pixels(constrained_crops(np.zeros((count, 33, 33), np.uint16), sizes, uniforms), sizes)
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3
    for measure in (lambda b: b[:, 2] * b[:, 3], lambda b: b[:, 3] / b[:, 2]):
        assert stats.ks_2samp(measure(ours), measure(theirs)).pvalue > 1e-3


@pytest.mark.parametrize("size", [(10, 300), (300, 10), (7, 500), (500, 7), (3, 40)])
def test_fallback_is_the_one_of_torchvision(size: tuple[int, int]) -> None:
    """The whole area never fits into so narrow an image."""
    photo = torch.empty(3, *size)
    theirs = RandomResizedCrop.get_params(photo, (1.0, 1.0), RATIO)
    ours = constrained_crops(
        np.zeros((1, 33, 33), np.uint16), np.array([size]), np.full((1, 10, 4), 0.5), scale=(1.0, 1.0)
    )
    assert in_pixels(ours, np.array([size]))[0].tolist() == list(theirs)
    assert (ours == centre_crops(np.array([size])).astype(np.float32)).all()


@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.sampled_from([0.0, 1e-7, 0.5, 1 - 1e-7, float(np.nextafter(np.float32(1), np.float32(0))), 1.0]),
    st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_boxes_lie_inside_the_image(size: tuple[int, int], uniform: float, fg_min: float) -> None:
    sat = np.linspace(0, 65535, 33 * 33).astype(np.uint16).reshape(1, 33, 33)
    uniforms = np.full((1, 10, 4), uniform, np.float32)
    y, x, h, w = constrained_crops(sat, np.array([size]), uniforms, fg_min=fg_min)[0].tolist()
    assert min(y, x) >= 0
    assert min(h, w) > 0
    assert max(y + h, x + w) <= 1 + 1e-6
