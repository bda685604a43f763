"""Crops against a slow rule on the full mask, torchvision, scipy, and arithmetic by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import center_crop

from maskgen.loaders.recipes.parts import Crop
from maskgen.loaders.sampling.crops import TRIES, UNIFORMS, center_crops, choose_crops, coverage
from maskgen.loaders.sampling.overlaps import intersection
from maskgen.shards.coverage import foreground_box, summed_area_table
from maskgen.shards.meta import META, Meta

RATIO = (3 / 4, 4 / 3)
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]


def ellipse(rng: np.random.Generator, height: int, width: int) -> Mask:
    y, x = np.mgrid[0:height, 0:width] + 0.5
    center, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.05, 0.45, 2)
    reach = np.hypot((y / height - center[0]) / radius[0], (x / width - center[1]) / radius[1])
    return np.asarray(reach <= 1)


def tables(masks: Sequence[Mask]) -> tuple[NDArray[np.uint16], Meta]:
    sat = np.stack([summed_area_table(mask) for mask in masks])
    meta = np.zeros(len(masks), META)
    meta["size"], meta["fg_box"] = [m.shape for m in masks], [foreground_box(m) for m in masks]
    meta["fg_area_ppm"] = [round(m.mean() * 1e6) for m in masks]
    return sat, meta


def blank(sizes: NDArray[np.int64]) -> tuple[NDArray[np.uint16], Meta]:
    """Photos of these (B, 2) sizes without foreground."""
    meta = np.zeros(len(sizes), META)
    meta["size"] = sizes
    return np.zeros((len(sizes), 33, 33), np.uint16), meta


def in_pixels(boxes: NDArray[np.float32], meta: Meta) -> NDArray[np.int64]:
    exact = boxes * np.tile(meta["size"], 2).reshape(len(meta), *[1] * (boxes.ndim - 2), 4)
    assert np.abs(exact - np.rint(exact)).max() < 1e-3, "edges are whole pixels"
    return np.rint(exact).astype(np.int64)


def overlap(a: Box, b: Box) -> int:
    high = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    wide = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(high, 0) * max(wide, 0)


def slow_try(mask: Mask, crop: Crop, u: Sequence[float]) -> Box | None:
    """One try of RandomResizedCrop as (top, left, height, width); None where it does not fit."""
    height, width = mask.shape
    area = height * width * (crop.scale[0] + u[0] * (crop.scale[1] - crop.scale[0]))
    aspect = math.exp(math.log(crop.ratio[0]) + u[1] * (math.log(crop.ratio[1]) - math.log(crop.ratio[0])))
    w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
    if not (0 < w <= width and 0 < h <= height):
        return None
    if crop.center == "uniform":
        return int(u[2] * (height - h + 1)), int(u[3] * (width - w + 1)), h, w
    corner = []
    places = np.argwhere(mask) + 0.5
    for axis, (length, side) in enumerate(((height, h), (width, w))):
        mean = places[:, axis].mean() if len(places) else length / 2
        law = NormalDist(mean, length)
        low, high = law.cdf(side / 2), law.cdf(length - side / 2)
        center = law.inv_cdf(low + u[2 + axis] * (high - low))
        corner.append(min(max(math.floor(center - side / 2), 0), length - side))
    return corner[0], corner[1], h, w


def slow_center(shape: tuple[int, ...], ratio: tuple[float, float]) -> Box:
    height, width = shape
    if width / height < ratio[0]:
        w, h = width, round(width / ratio[0])
    elif width / height > ratio[1]:
        w, h = round(height * ratio[1]), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w


def slow_grown(mask: Mask, ratio: tuple[float, float], u: Sequence[float]) -> Box:
    """CAST's fallback, the two axes written out."""
    (y0, x0, y1, x1), (height, width) = foreground_box(mask), mask.shape
    top, left = y0 - int(u[0] * (y0 + 1)), x0 - int(u[1] * (x0 + 1))
    bottom, right = y1 + int(u[2] * (height - y1 + 1)), x1 + int(u[3] * (width - x1 + 1))
    if (right - left) / (bottom - top) > ratio[1]:
        side = int((bottom - top) * ratio[1])
        left = (x0 + x1 - side) // 2 if side < x1 - x0 else max(left, x1 - side)
        right = left + side
    elif (right - left) / (bottom - top) < ratio[0]:
        side = int((right - left) / ratio[0])
        top = (y0 + y1 - side) // 2 if side < y1 - y0 else max(top, y1 - side)
        bottom = top + side
    return top, left, bottom - top, right - left


def slow_crop(mask: Mask, crop: Crop, u: NDArray[np.float64], earlier: Sequence[Box]) -> Box:
    """The whole rule as a loop, with the foreground counted on the mask itself."""
    tries = [slow_try(mask, crop, numbers) for numbers in u.reshape(TRIES + 1, 4).tolist()]
    least, near = crop.fg_min, []
    if crop.rule == "phi" and mask.any():
        least = min(least, crop.scale[0] / mask.mean())
    for box in tries[:TRIES]:
        if box is None:
            continue
        top, left, h, w = box
        held = mask[top : top + h, left : left + w].sum() / mask.sum() if mask.any() else 1
        if held < least - 1e-4:
            continue
        if crop.fg_within is not None:
            seen = np.zeros_like(mask)
            y, x, tall, wide = earlier[crop.fg_within]
            seen[y : y + tall, x : x + wide] = mask[y : y + tall, x : x + wide]
            if seen.any() and seen[top : top + h, left : left + w].sum() / seen.sum() < least - 1e-4:
                continue
        if crop.overlap_of is not None and overlap(box, earlier[crop.overlap_of]) < crop.overlap_min * h * w:
            continue
        if crop.iou is None:
            return box
        other = earlier[crop.iou[0]]
        shared = overlap(box, other)
        iou = shared / (h * w + other[2] * other[3] - shared)
        near.append((max(crop.iou[1] - iou, iou - crop.iou[2], 0), len(near), box))
    if near:
        return min(near)[2]
    if crop.rule == "overlap" and tries[-1] is not None:
        return tries[-1]
    if crop.rule == "phi" and mask.any():
        return slow_grown(mask, crop.ratio, u[-4:].tolist())
    return slow_center(mask.shape, crop.ratio)


def agreement(masks: Sequence[Mask], crops: Sequence[Crop], draws: int, seed: int) -> float:
    """Share of equal crops of `choose_crops` and `slow_crop`."""
    rng, same = np.random.default_rng(seed), []
    sat, meta = tables(masks)
    for _ in range(draws):
        uniforms = rng.random((len(masks), len(crops), UNIFORMS))
        fast = in_pixels(choose_crops(crops, sat, meta, uniforms), meta)
        for row, mask in enumerate(masks):
            slow: list[Box] = []
            for view, crop in enumerate(crops):
                slow.append(slow_crop(mask, crop, uniforms[row, view], slow))
            same += (fast[row] == slow).all(axis=1).tolist()
    return float(np.mean(same))


SMALL = (0.05, 0.14)
RULES = {
    "plain": [Crop(), Crop(scale=(0.08, 1.0)), Crop(scale=SMALL, ratio=(0.5, 2.0))],
    "fg_min": [Crop(fg_min=0.25), Crop(fg_min=0.75), Crop(scale=SMALL, fg_min=0.3)],
    "phi": [
        Crop(fg_min=0.2, rule="phi"),
        Crop(fg_min=0.9, rule="phi"),
        Crop(scale=SMALL, fg_min=0.5, rule="phi"),
    ],
    "center": [
        Crop(center="foreground"),
        Crop(fg_min=0.2, rule="phi", center="foreground"),
        Crop(scale=SMALL, fg_min=0.2, center="foreground"),
    ],
    "overlap": [Crop(), Crop(scale=SMALL, overlap_of=0), Crop(scale=SMALL, overlap_of=1, overlap_min=0.9)],
    "iou": [Crop(), Crop(iou=(0, 0.0, 0.3)), Crop(iou=(1, 0.6, 0.9)), Crop(iou=(0, 0.0, 0.02))],
    "within": [
        Crop(fg_min=0.2, rule="phi"),
        Crop(fg_min=0.2, rule="phi", center="foreground", fg_within=0),
        Crop(scale=SMALL, fg_min=0.3, fg_within=1),
    ],
    "several": [
        Crop(fg_min=0.3),
        Crop(fg_min=0.3, iou=(0, 0.2, 0.6)),
        Crop(scale=SMALL, fg_min=0.1, overlap_of=1),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("crops", RULES.values(), ids=RULES.keys())
def test_the_slow_rule_gives_the_same_crop_where_the_table_is_exact(crops: list[Crop]) -> None:
    """In a photo of 32 x 32 px every edge lies on a line of the table."""
    rng = np.random.default_rng(1)
    masks = [ellipse(rng, 32, 32) for _ in range(60)] + [np.zeros((32, 32), bool), np.ones((32, 32), bool)]
    assert agreement(masks, crops, draws=6, seed=2) == 1


@pytest.mark.slow
@pytest.mark.parametrize("crops", RULES.values(), ids=RULES.keys())
def test_the_slow_rule_gives_the_same_crop_in_other_photos(crops: list[Crop]) -> None:
    rng = np.random.default_rng(3)
    masks = [ellipse(rng, *(int(v) for v in rng.integers(40, 300, 2))) for _ in range(60)]
    assert agreement(masks, crops, draws=4, seed=4) >= (
        0.96 if "several" in RULES and len(crops) > 2 else 0.98
    )


@pytest.mark.slow
@pytest.mark.parametrize("crop", [Crop(fg_min=v) for v in (0.1, 0.25, 0.5, 0.75)] + [RULES["center"][1]])
def test_same_crop_on_real_masks(shared_data: Path, crop: Crop) -> None:
    files = sorted((shared_data / "ecssd" / "ground_truth_mask").iterdir())[::3]
    masks = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) >= 128 for file in files]
    assert len(masks) > 100
    assert agreement(masks, [crop], draws=5, seed=5) >= 0.99


def test_coverage_is_exact_on_grid_lines() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((64, 96)) < 0.3
    sat = summed_area_table(mask)[None]
    for _ in range(300):
        (y0, y1), (x0, x1) = (np.sort(rng.choice(33, 2, replace=False)) for _ in range(2))
        exact = mask[2 * y0 : 2 * y1, 3 * x0 : 3 * x1].sum() / mask.sum()
        box = np.array([[y0, x0, y1 - y0, x1 - x0]]) / 32
        assert coverage(sat, box)[0] == pytest.approx(exact, abs=2.1 / 65535)


@pytest.mark.slow
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


@pytest.mark.slow
def test_coverage_on_real_masks(shared_data: Path) -> None:
    """The error of the coarse table against the exact integral, on annotated masks."""
    files = sorted((shared_data / "ecssd" / "ground_truth_mask").iterdir())[::4]
    rng, errors = np.random.default_rng(2), []
    for file in files:
        mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) >= 128
        sat, meta = tables([mask])
        boxes = in_pixels(choose_crops([Crop()] * 40, sat, meta, rng.random((1, 40, UNIFORMS))), meta)[0]
        shares = coverage(sat, boxes[None] / np.tile(mask.shape, 2))[0]
        exact = [mask[y : y + h, x : x + w].sum() / mask.sum() for y, x, h, w in boxes.tolist()]
        errors += np.abs(shares - exact).tolist()
    assert np.mean(errors) < 0.002
    assert np.quantile(errors, 0.99) < 0.012
    assert np.max(errors) < 0.08


def test_coverage_takes_any_number_of_boxes() -> None:
    rng = np.random.default_rng(2)
    sat = np.stack([summed_area_table(ellipse(rng, 80, 70)) for _ in range(3)])
    boxes = rng.random((3, 5, 2, 4)) / 2
    many = coverage(sat, boxes)
    assert many.shape == (3, 5, 2)
    assert many[1, 4, 1] == coverage(sat[1:2], boxes[1:2, 4, 1])[0]


@pytest.mark.slow
def test_constraint_holds_on_the_full_mask() -> None:
    rng = np.random.default_rng(6)
    masks = [ellipse(rng, 150, 200) for _ in range(300)]
    sat, meta = tables(masks)
    boxes = in_pixels(
        choose_crops([Crop(fg_min=0.6), Crop()], sat, meta, rng.random((300, 2, UNIFORMS))), meta
    )
    shares = [
        [m[y : y + h, x : x + w].sum() / m.sum() for y, x, h, w in row]
        for m, row in zip(masks, boxes.tolist(), strict=True)
    ]
    held, plain = np.array(shares).T
    assert held.min() >= 0.6 - 0.03
    assert plain.min() < 0.3, "without the constraint some crops miss the foreground"


@pytest.mark.parametrize("rule", ["fg_min", "phi"])
def test_mask_without_foreground_gives_the_plain_crop(rule: str) -> None:
    rng = np.random.default_rng(7)
    sat, meta = blank(rng.integers(50, 300, (40, 2)))
    uniforms = rng.random((40, 1, UNIFORMS))
    bound = Crop(fg_min=0.9, rule=rule)  # type: ignore[arg-type]
    assert (choose_crops([bound], sat, meta, uniforms) == choose_crops([Crop()], sat, meta, uniforms)).all()


def corners() -> tuple[NDArray[np.uint16], Meta]:
    """A square photo with one foreground pixel in two opposite corners."""
    mask = np.zeros((100, 100), bool)
    mask[0, 0] = mask[-1, -1] = True
    return tables([mask])


def test_ten_refusals_give_the_center_crop() -> None:
    smallest_top_left = np.zeros((1, 1, UNIFORMS))
    assert choose_crops([Crop(fg_min=0.9)], *corners(), smallest_top_left).tolist() == [[[0, 0, 1, 1]]]


def test_the_eleventh_try_is_not_looked_at() -> None:
    mask = np.zeros((320, 320), bool)
    mask[160:, 160:] = True
    uniforms = np.full((1, 1, TRIES + 1, 4), 0.5)
    uniforms[..., 0], uniforms[..., 2:] = 0.1, 0.0
    for good, expected in ((9, True), (10, False)):
        uniforms[0, 0, :, 2:] = 0.0
        uniforms[0, 0, good, 2:] = 0.999
        box = choose_crops([Crop(fg_min=0.8)], *tables([mask]), uniforms.reshape(1, 1, UNIFORMS))[0, 0]
        assert bool(box[:2].min() > 0.46) is expected
        assert (box.tolist() == [0, 0, 1, 1]) is not expected


def test_phi_falls_back_to_the_grown_box_by_hand() -> None:
    mask = np.zeros((100, 200), bool)
    mask[40:60, 90:110] = True
    sat, meta = tables([mask])
    crop = Crop(
        scale=(0.01, 0.01), ratio=(0.5, 2.0), fg_min=1.0, rule="phi"
    )  # 14 x 14 px: min(1, .01 / .02) = .5
    uniforms = np.zeros((1, 1, TRIES + 1, 4))
    for spare, expected in (
        ((0, 0, 0, 0), (40, 90, 20, 20)),  # not grown at all
        ((0.999, 0.999, 0.999, 0.999), (0, 0, 100, 200)),  # to all borders
        ((0.5, 0, 0, 0), (20, 90, 40, 20)),  # int(.5 · 41) rows up
        ((0, 0.999, 0, 0), (40, 70, 20, 40)),  # 20 x 110 is too wide: 40, moved right until it covers the box
        ((0, 0, 0, 0.999), (40, 90, 20, 40)),  # too wide as well, and its left end covers the box
    ):
        uniforms[0, 0, -1] = spare
        found = choose_crops([crop], sat, meta, uniforms.reshape(1, 1, UNIFORMS))
        assert tuple(in_pixels(found, meta)[0, 0].tolist()) == expected


def test_a_foreground_too_long_for_the_ratio_is_shown_at_its_middle() -> None:
    mask = np.zeros((100, 200), bool)
    mask[50:60, 20:180] = True
    uniforms = np.zeros((1, 1, TRIES + 1, 4))
    crop = Crop(scale=(0.05, 0.05), fg_min=0.9, rule="phi")
    sat, meta = tables([mask])
    found = in_pixels(choose_crops([crop], sat, meta, uniforms.reshape(1, 1, UNIFORMS)), meta)[0, 0]
    assert found.tolist() == [50, (20 + 180 - 13) // 2, 10, 13]


def test_phi_asks_no_more_than_the_smallest_crop_can_hold() -> None:
    full = np.ones((64, 64), bool)  # φ = min(.9, .25 / 1): a quarter of the photo must do
    uniforms = np.full((1, 1, UNIFORMS), 0.0)
    uniforms[0, 0, 1::4] = 0.5
    crop = Crop(scale=(0.25, 1.0), fg_min=0.9, rule="phi")
    assert choose_crops([crop], *tables([full]), uniforms).tolist() == [[[0, 0, 0.5, 0.5]]]


def test_small_crops_overlap_their_anchor_and_only_a_few_do_without() -> None:
    rng = np.random.default_rng(8)
    sat, meta = blank(np.tile([300, 400], (800, 1)))
    crops = [Crop(), Crop(), Crop(scale=SMALL, overlap_of=1), Crop(scale=SMALL)]
    boxes = choose_crops(crops, sat, meta, rng.random((800, 4, UNIFORMS))).astype(np.float64)
    shares = [intersection(boxes[:, v], boxes[:, 1]) / boxes[:, v, 2:].prod(axis=1) for v in (2, 3)]
    assert (shares[0] >= 0.2 - 1e-6).all()
    assert 0.02 < (shares[1] < 0.2).mean() < 0.5


def test_an_impossible_overlap_gives_any_crop() -> None:
    """A crop that cannot lie in its anchor by 90 % follows the law of plain crops: the last, spare try."""
    rng = np.random.default_rng(9)
    sat, meta = blank(np.tile([300, 400], (2000, 1)))
    crops = [Crop(scale=(0.01, 0.01)), Crop(scale=SMALL, overlap_of=0, overlap_min=0.9), Crop(scale=SMALL)]
    boxes = choose_crops(crops, sat, meta, rng.random((2000, 3, UNIFORMS)))
    for column in range(4):
        assert stats.ks_2samp(boxes[:, 1, column], boxes[:, 2, column]).pvalue > 1e-3


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.2), (0.4, 0.6), (0.7, 1.0)])
def test_iou_limits_are_kept_far_more_often_than_by_chance(low: float, high: float) -> None:
    rng = np.random.default_rng(10)
    sat, meta = blank(np.tile([240, 320], (1500, 1)))
    crops = [Crop(), Crop(iou=(0, low, high)), Crop()]
    boxes = choose_crops(crops, sat, meta, rng.random((1500, 3, UNIFORMS))).astype(np.float64)
    kept = []
    for view in (1, 2):
        shared = intersection(boxes[:, 0], boxes[:, view])
        iou = shared / (boxes[:, [0, view], 2:].prod(axis=2).sum(axis=1) - shared)
        kept.append(((iou >= low - 1e-6) & (iou <= high + 1e-6)).mean())
    assert kept[0] > kept[1] + 0.2


@pytest.mark.slow
@pytest.mark.parametrize("size", [(300, 400), (375, 500), (500, 333), (90, 400)])
@pytest.mark.parametrize("scale", [(0.2, 1.0), (0.05, 0.14)])
def test_plain_crop_has_the_distribution_of_torchvision(
    size: tuple[int, int], scale: tuple[float, float]
) -> None:
    torch.manual_seed(0)
    count = 3000
    photo = torch.empty(3, *size)
    theirs = np.array([RandomResizedCrop.get_params(photo, list(scale), list(RATIO)) for _ in range(count)])
    sat, meta = blank(np.tile(np.array(size), (count, 1)))
    uniforms = np.random.default_rng(1).random((count, 1, UNIFORMS))
    ours = in_pixels(choose_crops([Crop(scale=scale)], sat, meta, uniforms), meta)[:, 0]
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3
    for measure in (lambda b: b[:, 2] * b[:, 3], lambda b: b[:, 3] / b[:, 2]):
        assert stats.ks_2samp(measure(ours), measure(theirs)).pvalue > 1e-3


@pytest.mark.slow
def test_centers_around_the_foreground_follow_a_truncated_normal_law() -> None:
    mask = np.zeros((1000, 1000), bool)
    mask[100:300, 600:800] = True  # centroid at 200, 700
    count = 15000
    sat, meta = (np.repeat(part, count, axis=0) for part in tables([mask]))
    crop = Crop(scale=(0.16, 0.16), ratio=(1.0, 1.0), center="foreground")
    uniforms = np.random.default_rng(11).random((count, 1, UNIFORMS))
    boxes = in_pixels(choose_crops([crop], sat, meta, uniforms), meta)[:, 0]
    assert (boxes[:, 2:] == 400).all()
    for axis, mean in enumerate((200, 700)):
        law = stats.truncnorm((200 - mean) / 1000, (800 - mean) / 1000, loc=mean, scale=1000)
        assert stats.kstest(boxes[:, axis] + 200.5, law.cdf).pvalue > 1e-3
        uniform = stats.uniform(200, 600)
        assert stats.kstest(boxes[:, axis] + 200.5, uniform.cdf).pvalue < 1e-3


@pytest.mark.parametrize("size", [(10, 300), (300, 10), (7, 500), (500, 7), (3, 40)])
def test_fallback_is_the_one_of_torchvision(size: tuple[int, int]) -> None:
    """The whole area never fits into so narrow an image."""
    theirs = RandomResizedCrop.get_params(torch.empty(3, *size), [1.0, 1.0], list(RATIO))
    sat, meta = blank(np.array([size]))
    ours = choose_crops([Crop(scale=(1.0, 1.0))], sat, meta, np.full((1, 1, UNIFORMS), 0.5))
    assert in_pixels(ours, meta)[0, 0].tolist() == list(theirs)
    assert center_crops(np.array([size]))[0].tolist() == list(theirs)


@pytest.mark.parametrize(("size", "box"), [((256, 300), (16, 38, 224, 224)), ((101, 64), (22, 4, 56, 56))])
def test_a_centered_crop_is_torchvisions_center_crop(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    """0.875 of the shorter side: Resize(256), CenterCrop(224), whatever the foreground and the numbers."""
    meta = np.zeros(1, META)
    meta["size"] = size
    numbers = np.random.default_rng(0).random((1, 1, UNIFORMS))
    sat = np.zeros((1, 33, 33), np.uint16)
    found = choose_crops([Crop(centered=0.875)], sat, meta, numbers)[0, 0] * np.tile(size, 2)
    np.testing.assert_allclose(found, box, atol=1e-3)
    if min(size) == 256:
        shown = torch.arange(300).expand(1, 256, 300)
        edge = center_crop(shown, [224, 224])[0, 0]
        assert edge[[0, -1]].tolist() == [38, 261]


def test_views_do_not_depend_on_one_another_without_need() -> None:
    rng = np.random.default_rng(12)
    sat, meta = tables([ellipse(rng, 100, 120) for _ in range(20)])
    uniforms = rng.random((20, 3, UNIFORMS))
    crops = [Crop(fg_min=0.5), Crop(scale=SMALL), Crop(fg_min=0.2, rule="phi", center="foreground")]
    together = choose_crops(crops, sat, meta, uniforms)
    for view, crop in enumerate(crops):
        alone = choose_crops([crop], sat, meta, uniforms[:, view : view + 1])
        np.testing.assert_array_equal(alone[:, 0], together[:, view])


@pytest.mark.slow
@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.sampled_from([0.0, 1e-7, 0.5, 1 - 1e-7, float(np.nextafter(np.float32(1), np.float32(0)))]),
    st.sampled_from(
        [
            crop
            for crops in RULES.values()
            for crop in crops
            if crop.overlap_of is None and crop.fg_within is None and not crop.iou
        ]
    ),
)
@settings(max_examples=200, deadline=None)
def test_boxes_lie_inside_the_image(size: tuple[int, int], uniform: float, crop: Crop) -> None:
    sat = np.linspace(0, 65535, 33 * 33).astype(np.uint16).reshape(1, 33, 33)
    meta = np.zeros(1, META)
    meta["size"], meta["fg_box"], meta["fg_area_ppm"] = size, (0, 0, size[0], (size[1] + 1) // 2), 400_000
    boxes = choose_crops([crop], sat, meta, np.full((1, 1, UNIFORMS), uniform, np.float32))
    y, x, h, w = in_pixels(boxes, meta)[0, 0].tolist()
    assert min(y, x) >= 0
    assert min(h, w) > 0
    assert y + h <= size[0]
    assert x + w <= size[1]
