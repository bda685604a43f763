"""The oracle's steps against torchvision, DALI's operators, scipy, and arithmetic by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torchvision.transforms.v2 import functional as tv2

from maskgen.loaders.recipes.parts import Background, Crop, Photometric
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.sampling.draws import draw
from maskgen.loaders.sampling.view_draws import DONOR, GRAY, KEEP, ViewDraws
from maskgen.shards.coverage import foreground_box, small_mask, summed_area_table
from maskgen.shards.meta import META
from oracle import views as reference
from oracle.views import Sources, composite, cut, from_numpy, make_view

BOXES = [(30, 40, 100, 130), (60, 100, 30, 25), (0, 0, 150, 200), (149, 0, 1, 200), (5, 190, 64, 9)]


def picture(seed: int, height: int = 150, width: int = 200) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def run_dali(image: NDArray[np.uint8], operation: Any) -> NDArray[np.uint8]:
    """One image through one DALI operator on the CPU."""
    from nvidia.dali import fn, pipeline_def

    @pipeline_def(batch_size=1, num_threads=1, device_id=None)
    def graph() -> Any:
        return operation(fn, fn.external_source(lambda: [image], layout="HWC"))

    pipeline = graph()
    pipeline.build()
    return np.array(pipeline.run()[0].at(0))


def one_row(**changes: Any) -> ViewDraws:
    """The draws of one row that change nothing, but for `changes`."""
    whole, same = np.array([[0, 0, 1, 1]], np.float32), np.array([[1, 1, 1, 0]], np.float32)
    none, no = np.zeros(1, np.float32), np.zeros(1, bool)
    values: dict[str, Any] = {
        "box": whole,
        "flip": no,
        "color": same,
        "order": np.arange(4, dtype=np.uint8)[None],
        "grayscale": no,
        "sigma": none,
        "solarize": no,
        "policy": np.full(1, -1, np.int16),
        "policy_u": np.zeros((1, 4), np.float32),
        "kind": np.zeros(1, np.uint8),
        "skipped": np.zeros(1, np.bool_),
        "gray": np.zeros(1, np.uint8),
        "donor": np.full(1, -1, np.int32),
        "mask_box": np.array([[0, 0, 10_000, 10_000]], np.int32),
        "bg_box": whole,
        "bg_flip": no,
        "bg_color": same,
        "bg_order": np.arange(4, dtype=np.uint8)[None],
        "bg_grayscale": no,
        "bg_sigma": none,
        "bg_solarize": no,
    }
    return ViewDraws(
        **{**values, **{name: np.array([value], values[name].dtype) for name, value in changes.items()}}
    )


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("size", [24, 96])
def test_a_cut_is_torchvisions_crop_and_antialiased_resize(box: tuple[int, ...], size: int) -> None:
    image = reference.from_numpy(picture(0))
    relative = np.array(box, np.float32) / np.array([150, 200, 150, 200], np.float32)
    unrounded = tv2.resized_crop(image.float(), *box, [size, size], antialias=True)
    assert (reference.cut(image, relative, size) - unrounded).abs().max() <= 0.501


@pytest.mark.parametrize("box", [*BOXES, (12.3, 45.6, 77.7, 101.2)])
@pytest.mark.parametrize("size", [24, 96])
def test_a_cut_beyond_its_box_is_dalis_resize_of_a_region(box: tuple[float, ...], size: int) -> None:
    image = picture(1)
    relative = np.array(box, np.float32) / np.array([150, 200, 150, 200], np.float32)

    def resize(fn: Any, x: Any) -> Any:
        end = [float(v) for v in relative[:2] + relative[2:]]
        start = [float(v) for v in relative[:2]]
        return fn.resize(x, size=[size, size], roi_start=start, roi_end=end, roi_relative=True)

    found = reference.to_numpy(reference.cut(reference.from_numpy(image), relative, size, beyond=True))
    difference = np.abs(found.astype(int) - run_dali(image, resize))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.005


def test_a_flipped_cut_is_the_cut_reversed() -> None:
    image, box = reference.from_numpy(picture(2)), np.array([0.1, 0.2, 0.5, 0.6], np.float32)
    assert torch.equal(reference.cut(image, box, 40, flip=True), reference.cut(image, box, 40).flip(-1))


@pytest.mark.parametrize("sigma", [0.1, 0.31, 0.5, 1.0, 1.37, 2.0])
def test_blur_is_dalis_gaussian_blur(sigma: float) -> None:
    image = picture(3, 60, 80)
    expected = run_dali(image, lambda fn, x: fn.gaussian_blur(x, sigma=sigma))
    found = reference.to_numpy(reference.blur(reference.from_numpy(image), sigma))
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_blur_is_scipys_gaussian_filter() -> None:
    image, sigma = picture(4, 60, 80), 1.5
    expected = ndimage.gaussian_filter(
        image.astype(float), (sigma, sigma, 0), mode="mirror", radius=(5, 5, 0)
    )
    found = reference.to_numpy(reference.blur(reference.from_numpy(image), sigma))
    assert np.abs(found - expected).max() <= 0.51


def test_hard_composite_by_hand() -> None:
    view, behind = torch.full((3, 1, 3), 10, dtype=torch.uint8), torch.full((3, 1, 3), 90, dtype=torch.uint8)
    mask = torch.tensor([[[127, 128, 255]]], dtype=torch.uint8)
    assert reference.composite(view, behind, mask, 128, 0.0)[0].tolist() == [[90, 10, 10]]


def test_soft_composite_by_hand() -> None:
    view, behind = torch.full((3, 1, 5), 200, dtype=torch.uint8), torch.zeros((3, 1, 5), dtype=torch.uint8)
    mask = torch.tensor(
        [[[0, 77, 128, 179, 255]]], dtype=torch.uint8
    )  # half a width of 51 on each side of 128
    assert reference.composite(view, behind, mask, 128, 0.4)[0].tolist() == [[0, 0, 100, 200, 200]]
    assert reference.composite(view, behind, mask, 128, 0.8)[0].tolist() == [[0, 50, 100, 150, 200]]


def test_the_small_mask_holds_the_share_of_each_cell() -> None:
    mask = torch.zeros((1, 28, 28), dtype=torch.uint8)
    mask[:, :, 14:] = 255
    found = reference.shrunk(mask, 7)
    assert found.shape == (7, 7)
    assert torch.equal(found[0], found[6])
    assert found[0, 0] == 0
    assert found[0, 6] == 1
    assert found[0, 3] == pytest.approx(0.5, abs=0.01)
    assert float(found.mean()) == pytest.approx(0.5, abs=0.01)


def test_color_comes_before_blur_and_blur_before_solarize() -> None:
    image = reference.from_numpy(picture(5, 40, 40))
    chain = Photometric(solarize_threshold=100)
    draws = one_row(color=(1.3, 0.8, 0.5, 20), sigma=1.0, solarize=True)
    expected = tv2.solarize(reference.blur(reference.recolor(image, draws.color[0]), 1.0), 100.0)
    view = View(size=40, photometric=chain)
    assert torch.equal(make_view(view, draws, 0, Sources(image), 128).view, expected)


def half_mask() -> torch.Tensor:
    """Foreground in the left half."""
    mask = torch.zeros((1, 128, 128), dtype=torch.uint8)
    mask[:, :, :64] = 255
    return mask


def test_a_gray_background_after_the_chain_keeps_its_level_and_before_it_does_not() -> None:
    image = reference.from_numpy(picture(6, 40, 40))
    draws = one_row(kind=1, gray=200, color=(0.5, 1, 1, 0))
    for place, level in (("after", 200), ("before", 100)):
        view = View(size=40, background=Background(replace="grey", p=1, place=place))  # type: ignore[arg-type]
        made = make_view(view, draws, 0, Sources(image, half_mask()), 128).view
        assert (made[:, :, 20:] == level).all()
        assert torch.equal(made[:, :, :19], reference.recolor(image, draws.color[0])[:, :, :19])


def test_a_donated_background_is_cut_and_colored_as_its_own_view() -> None:
    image, other = reference.from_numpy(picture(7, 40, 40)), reference.from_numpy(picture(8, 60, 50))
    box = np.array([0.25, 0.1, 0.5, 0.8], np.float32)
    draws = one_row(kind=2, donor=0, bg_box=box, bg_flip=True, bg_color=(1, 1, 0, 0), bg_sigma=1.0)
    view = View(size=40, background=Background(replace="donor", p=1))
    made = make_view(view, draws, 0, Sources(image, half_mask(), other), 128).view
    own = reference.cut(other, box, 40).flip(-1)
    expected = reference.blur(reference.recolor(own, np.array([1, 1, 0, 0], np.float32)), 1.0)
    assert torch.equal(made[:, :, 21:], expected[:, :, 21:])
    assert torch.equal(made[:, :, :19], image[:, :, :19])


def test_the_extra_outputs() -> None:
    image = reference.from_numpy(picture(9, 40, 40))
    view = View(
        size=40, masks=True, cam_masks=4, weak=True, masked=True, background=Background(replace="grey", p=1)
    )
    draws = one_row(flip=True, color=(1, 1, 0, 0), kind=1, gray=7)
    made = make_view(view, draws, 0, Sources(image, half_mask()), 128)
    assert made.mask is not None
    assert made.weak is not None
    assert made.masked is not None
    assert made.cam_mask is not None
    assert (made.mask[:, :, 20:] == 255).all()
    assert (made.mask[:, :, :20] == 0).all()
    assert torch.equal(made.weak, image.flip(-1))
    assert (made.view[:, :, :20] == 7).all()
    assert made.masked[:, 0, 0].tolist() == [124, 116, 104]
    assert torch.equal(made.masked[:, :, 20:], made.view[:, :, 20:])
    assert made.cam_mask[0].tolist() == [0, 0, 1, 1]


def test_without_extras_there_are_none() -> None:
    image = reference.from_numpy(picture(10, 40, 40))
    made = make_view(View(size=40), one_row(), 0, Sources(image), 128)
    assert torch.equal(made.view, image)
    assert all(part is None for part in made[1:])


def noise(rng: np.random.Generator, height: int, width: int) -> torch.Tensor:
    return from_numpy(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("replacement", ["donor", "grey"])
@pytest.mark.parametrize("softness", [0.0, 0.5])
def test_a_matched_negative_is_its_querys_background_outside_its_foreground(
    replacement: Any, softness: float
) -> None:
    """n = f_r · r + (1 - f_r) · bg(q), both made alone: r without a background, bg(q) as q without
    foreground.
    """
    rng, rows, level = np.random.default_rng(0), 24, 128
    sizes = rng.integers(50, 90, (rows, 2)).tolist()
    photos, pictures = ([noise(rng, *size) for size in sizes] for _ in range(2))
    masks = []
    for height, width in sizes:
        mask = np.zeros((height, width), np.uint8)
        mask[height // 4 : height // 4 * 3, width // 3 : width // 3 * 2] = 255
        masks.append(mask)
    fg = torch.from_numpy(np.stack([small_mask(mask) for mask in masks]))[:, None]
    sat = np.stack([summed_area_table(mask > 0) for mask in masks])
    meta = np.zeros(rows, META)
    meta["size"], meta["fg_box"] = [m.shape for m in masks], [foreground_box(m > 0) for m in masks]
    meta["fg_area_ppm"] = [round((m > 0).mean() * 1e6) for m in masks]
    chain = Photometric(solarize_p=0.3)
    view = View(size=32, photometric=chain, background=Background(replace=replacement, p=0.5))
    third = View(size=32, photometric=chain, crop=Crop(fg_min=0.5), background=Background(softness=softness))
    recipe = Recipe(views=(view,), negative=Negative(p=0.7, view=third))
    seen = set()
    for epoch in range(3):
        draws = draw(recipe, sat, meta, np.arange(rows), seed=0, epoch=epoch)
        query, negative = draws.views[0], draws.negatives[0].view
        assert negative is not None
        for row in range(rows):
            source, donor = int(draws.negatives[0].source[row]), int(negative.donor[row])
            behind = pictures[donor] if donor >= 0 else None
            made = make_view(third, negative, row, Sources(photos[source], fg[source], behind), level).view
            own = make_view(
                replace(third, background=Background()), negative, row, Sources(photos[source]), level
            ).view
            if not draws.negatives[0].matched[row]:
                assert torch.equal(made, own)
                continue
            nothing = torch.zeros((1, 128, 128), dtype=torch.uint8)
            if query.kind[row] == KEEP:
                background = make_view(view, query, row, Sources(pictures[row]), level).view
            else:
                lent = Sources(photos[row], nothing, pictures[int(query.donor[row])])
                background = make_view(view, query, row, lent, level).view
            shape = cut(fg[source], negative.box[row], 32, flip=bool(negative.flip[row]), beyond=True)
            assert torch.equal(made, composite(own, background, shape, level, softness))
            if not softness:
                outside = (shape < level).expand_as(made)
                assert torch.equal(made[outside], background[outside])
                assert torch.equal(made[~outside], own[~outside])
            seen.add(int(query.kind[row]))
    assert seen == {KEEP, DONOR if replacement == "donor" else GRAY}
