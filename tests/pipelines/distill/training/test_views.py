"""Views: photo and label move together, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from maskgen.pipelines.distill.training.views import Views, draw_views, recolor  # noqa: E402

NONE = torch.empty(0, 6)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 3, side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    photos = torch.from_numpy(rng.uniform(0, 255, (count, 3, side, side)).astype(np.float32))
    return photos, photos[:, :2] / 255


def test_without_changes_nothing_changes() -> None:
    photos, labels = pictures()
    views = draw_views(3, draws(), flip=False, crop=1.0, color=0.0)
    shown, targets = views.apply(photos, labels)
    assert torch.equal(shown, photos)
    assert torch.equal(targets, labels)
    assert torch.equal(views.undo(labels), labels)


def test_a_mirror_is_undone() -> None:
    photos, labels = pictures()
    views = Views(torch.tensor([True, False, True]), torch.tensor([[0.0, 0.0, 1.0]] * 3), NONE)
    shown, targets = views.apply(photos, labels)
    assert torch.equal(shown[0], photos[0].flip(-1))
    assert torch.equal(shown[1], photos[1])
    assert torch.equal(views.undo(targets), labels)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_shows_the_box_that_it_names(mirrored: bool) -> None:
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    photos = torch.stack([columns, rows, torch.zeros(32, 32)])[None]  # a pixel's values are its place
    views = Views(torch.tensor([mirrored]), torch.tensor([[0.5, -0.5, 0.5]]), NONE)  # the upper right quarter
    shown, targets = views.apply(photos, photos[:, :2] / 32)
    # pixel centers of an enlargement by two, of columns 16..32 and rows 0..16; beyond the photo its border
    # goes on
    across = (16 + (torch.arange(32.0) + 0.5) / 2 - 0.5).clamp(0, 31)
    down = ((torch.arange(32.0) + 0.5) / 2 - 0.5).clamp(0, 31)
    expected = (across.flip(0) if mirrored else across).expand(32, 32)
    torch.testing.assert_close(shown[0, 0], expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(shown[0, 1], down[:, None].expand(32, 32), atol=1e-3, rtol=0)
    torch.testing.assert_close(targets, shown[:, :2] / 32)


def test_crops_stay_inside_and_reach_everywhere() -> None:
    boxes = draw_views(4000, draws(), flip=False, crop=0.6, color=0.0).boxes
    center, side = boxes[:, :2].abs(), boxes[:, 2:]
    assert float((center + side).max()) <= 1 + 1e-6
    assert 0.6 <= float(side.min()) < 0.61
    assert float(side.max()) > 0.99
    assert float((center + side).quantile(0.5)) > 0.85


def test_colors_by_hand() -> None:
    photos = torch.tensor([100.0, 50.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    one = torch.ones(1, 6)

    def changed(**factors: float) -> list[float]:
        names = ["brightness", "contrast", "saturation", "red", "green", "blue"]
        factor = one.clone()
        for name, value in factors.items():
            factor[0, names.index(name)] = value
        values: list[float] = recolor(photos, factor)[0, :, 0, 0].tolist()
        return values

    assert changed() == pytest.approx([100, 50, 0])
    assert changed(brightness=1.2) == pytest.approx([120, 60, 0])
    assert changed(brightness=3) == pytest.approx([255, 150, 0])
    assert changed(saturation=0.5) == pytest.approx([75, 50, 25])
    assert changed(contrast=0.5) == pytest.approx([75, 50, 25])
    assert changed(red=0.9) == pytest.approx([90, 50, 0])


def test_equal_draws_give_equal_views() -> None:
    first, again, other = (draw_views(8, draws(seed), flip=True, crop=0.7, color=0.3) for seed in (1, 1, 2))
    assert torch.equal(first.boxes, again.boxes)
    assert torch.equal(first.colors, again.colors)
    assert torch.equal(first.mirrored, again.mirrored)
    assert not torch.equal(first.boxes, other.boxes)
