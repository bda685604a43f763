"""Pasting: the object moves as a whole, its labels with it, and nothing is pasted that the labels do not
agree on.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from maskgen.pipelines.distill.training.pasting import LEAST_SCALE, MOST_SCALE, MOST_SIDE, Pasting  # noqa: E402

SIDE = 64
OBJECT, GROUND = (250, 20, 20), (10, 200, 30)


def scene(count: int = 8, labels: int = 3) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Red squares of different sizes and places on green; every label is the square."""
    rng = np.random.default_rng(0)
    photos = np.empty((count, SIDE, SIDE, 3), np.uint8)
    photos[:] = GROUND
    marks = np.zeros((count, SIDE, SIDE), np.uint8)
    for row in range(count):
        side = rng.integers(16, 28)
        y, x = rng.integers(0, SIDE - side, 2)
        marks[row, y : y + side, x : x + side] = 230
    photos[marks > 0] = OBJECT
    return photos, (marks,) * labels


def tensors(photos: np.ndarray, labels: tuple[np.ndarray, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    stack_maps = torch.from_numpy(np.stack(labels, 1).astype(np.float32)) / 255
    return torch.from_numpy(photos).permute(0, 3, 1, 2).float(), stack_maps


def pasted(
    photos: np.ndarray, labels: tuple[np.ndarray, ...], share: float = 1.0, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    pasting = Pasting(photos, labels, (0.5,) * len(labels))
    draws = torch.Generator().manual_seed(seed)
    return pasting.apply(*tensors(photos, labels), draws, share=share, crop=0.7, color=0.0)


def test_the_label_is_where_the_object_is() -> None:
    photos, labels = scene()
    shown, targets = pasted(photos, labels)
    red = (shown[:, 0] - shown[:, 1]) > 0  # half-way between the two colors
    for row in range(len(shown)):
        assert set(targets[row].unique().tolist()) == {0.0, 1.0}
        assert torch.equal(targets[row, 0], targets[row, 1])
        union = (red[row] | (targets[row, 0] > 0)).sum()
        assert float((red[row] & (targets[row, 0] > 0)).sum() / union) > 0.8  # but for the contour


def test_objects_keep_their_shape_and_stay_inside() -> None:
    photos, labels = scene(64)
    _, targets = pasted(photos, labels)
    moved = 0
    for row, target in enumerate(targets[:, 0].numpy() > 0):
        ys, xs = np.nonzero(target)
        height, width = np.ptp(ys) + 1, np.ptp(xs) + 1
        before = (labels[0][row] > 0).any(0).sum()
        assert abs(height - width) <= 1
        assert target[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].mean() > 0.95  # but for the corners
        most = min(MOST_SCALE, MOST_SIDE * SIDE / before)
        assert LEAST_SCALE - 2 / before <= width / before <= most + 2 / before
        moved += not np.array_equal(target, labels[0][row] > 0)
    assert moved == 64
    where = torch.stack([target.nonzero()[:, 1].float().mean() for target in targets[:, 0]])
    assert float(where.std()) > 4  # px: they are not all in the middle


def test_backgrounds_hold_no_object_any_more() -> None:
    photos, labels = scene()
    shown, targets = pasted(photos, labels)
    far = torch.nn.functional.max_pool2d(targets[:, :1], 7, 1, 3)[:, 0] == 0
    assert float((shown[:, 0][far] > 100).float().mean()) < 0.01


def test_labels_that_disagree_give_no_object() -> None:
    photos, labels = scene()
    other = np.ascontiguousarray(labels[0][:, ::-1, ::-1])
    photos_, targets_ = tensors(photos, (labels[0], other, np.zeros_like(other)))
    shown, targets = pasted(photos, (labels[0], other, np.zeros_like(other)))
    assert torch.equal(shown, photos_)
    assert torch.equal(targets, targets_)


def test_what_most_labels_mark_is_the_object() -> None:
    photos, labels = scene()
    off = labels[0].copy()
    off[:, :4, :4] = 255  # 16 px of 4096 in dispute
    _, targets = pasted(photos, (labels[0], labels[0], off))
    _, expected = pasted(photos, labels)
    assert torch.equal(targets, expected)


@pytest.mark.slow
def test_a_share_of_the_photos() -> None:
    photos, labels = scene(200, 1)
    shown, _ = pasted(photos, labels, share=0.3)
    before, _ = tensors(photos, labels)
    changed = [not torch.equal(a, b) for a, b in zip(shown, before, strict=True)]
    assert 0.2 < np.mean(changed) < 0.4


def test_equal_draws_give_equal_views_and_as_many_numbers_are_drawn_whatever_is_pasted() -> None:
    photos, labels = scene()
    nothing = (np.zeros_like(labels[0]),)
    ends = []
    for marks in (labels, nothing):
        draws = torch.Generator().manual_seed(3)
        pasting = Pasting(photos, marks, (0.5,) * len(marks))
        pasting.apply(*tensors(photos, marks), draws, share=0.5, crop=0.7, color=0.3)
        ends.append(int(torch.randint(1 << 30, (1,), generator=draws)))
    assert ends[0] == ends[1]
    first, again = pasted(photos, labels, 0.5, seed=4), pasted(photos, labels, 0.5, seed=4)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_photos_that_are_all_object_give_no_background() -> None:
    photos, _ = scene()
    full = (np.full(photos.shape[:3], 255, np.uint8),)
    shown, targets = pasted(photos, full)
    assert torch.equal(shown, tensors(photos, full)[0])
    assert bool((targets == 1).all())
