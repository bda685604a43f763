"""The torch loader: its epochs, its batches pixel by pixel, and DALI's batches against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from maskgen.errors import UsageError
from maskgen.loaders import DaliLoader, open_dataset
from maskgen.loaders.dataset.open import Dataset
from maskgen.loaders.pixels.normalize import normalise
from maskgen.loaders.reading.samples import BrokenSample
from maskgen.loaders.recipes.published import RECIPES
from maskgen.loaders.recipes.spec import (
    NO_PHOTOMETRIC,
    Background,
    Corruption,
    Crop,
    Negative,
    Photometric,
    Recipe,
    View,
)
from maskgen.loaders.sampling.draws import DONOR, GREY, KEEP, draw
from maskgen.loaders.torch.loader import TorchLoader
from maskgen.loaders.torch.reference import Sources, composite, cut, from_numpy, make_view
from maskgen.shards.coverage import foreground_box, small_mask, summed_area_table
from maskgen.shards.meta import META

PLAIN = Recipe(views=(View(size=32, masks=True),))


@pytest.fixture(scope="module")
def dataset(drawn: Any) -> Dataset:
    return open_dataset(drawn.path)


def small(recipe: Recipe) -> Recipe:
    """The same with views of at most 40 px and each background replaced as often as possible."""

    def shrunk(view: View) -> View:
        law = view.background
        side = 40 if view.size > 96 else 24
        return replace(view, size=side, background=law if law.replace == "none" else replace(law, p=0.6))

    negative = recipe.negative and Negative(p=0.6, view=shrunk(recipe.negative.view))
    return replace(recipe, views=tuple(map(shrunk, recipe.views)), negative=negative)


def test_an_epoch_shows_each_sample_once_and_two_epochs_differ(dataset: Dataset) -> None:
    loader = TorchLoader(dataset, 4, recipe=PLAIN, seed=1, last="partial")
    epochs = [torch.cat([batch["sample"] for batch in loader]).tolist() for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(dataset.samples))
    assert epochs[0] != epochs[1]
    assert len(loader) == 6
    loader.close()


def test_a_batch_says_what_it_shows(dataset: Dataset, drawn: Any) -> None:
    """The drawn photos' green and blue tell the place in the photo, their red the foreground."""
    recipe = Recipe(views=(View(size=32, crop=Crop(fg_min=0.3), photometric=NO_PHOTOMETRIC, masks=True),))
    for batch in TorchLoader(dataset, 7, recipe=recipe, seed=0):
        assert batch["masks"] is not None
        assert batch["masks"][0] is not None
        views, masks = batch["views"][0].float(), batch["masks"][0]
        for row, key in enumerate(batch["key"]):
            drawing = drawn.by_key(key)
            assert batch["label"][row] == drawing.label
            y, x, h, w = batch["boxes"][row, 0].tolist()
            across = x + w * (torch.arange(32) + 0.5) / 32
            across = across.flip(0) if batch["flips"][row, 0] else across
            down = y + h * (torch.arange(32) + 0.5) / 32
            assert (views[row, 1].mean(dim=0) - 255 * across).abs().max() < 6
            assert (views[row, 2].mean(dim=1) - 255 * down).abs().max() < 6
            sure = (views[row, 0] - 128).abs() > 70
            assert ((views[row, 0] > 128) == (masks[row, 0] == 255))[sure].all()
            assert set(masks[row].unique().tolist()) <= {0, 255}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def same_batch(a: Any, b: Any) -> None:
    for name in a:
        assert same(a[name], b[name]), name


def test_batches_are_functions_of_seed_epoch_and_step(dataset: Dataset) -> None:
    recipe = small(RECIPES["mocov2-bg-swaps"])
    one, two = (
        TorchLoader(dataset, 5, recipe=recipe, seed=4, threads=t, prefetch=p) for t, p in ((1, 1), (3, 4))
    )
    batches = list(one)
    for a, b in zip(batches, two, strict=True):
        same_batch(a, b)
    same_batch(two.make(0, 2), batches[2])
    other = TorchLoader(dataset, 5, recipe=recipe, seed=5)
    assert next(iter(other))["key"] != batches[0]["key"]


def test_ranks_share_the_global_batches(dataset: Dataset) -> None:
    whole = list(TorchLoader(dataset, 6, recipe=PLAIN, seed=2))
    parts = [list(TorchLoader(dataset, 2, recipe=PLAIN, seed=2, rank=r, world=3)) for r in range(3)]
    for step, batch in enumerate(whole):
        assert torch.equal(batch["sample"], torch.cat([part[step]["sample"] for part in parts]))
        assert torch.equal(batch["views"][0], torch.cat([part[step]["views"][0] for part in parts]))


def test_a_saved_state_goes_on_exactly_also_from_dali(dataset: Dataset) -> None:
    batches = list(TorchLoader(dataset, 4, recipe=PLAIN, seed=3))
    for first in (TorchLoader, DaliLoader):
        loader: Any = first(dataset, 4, recipe=PLAIN, seed=3)
        turn = iter(loader)
        next(turn), next(turn)
        state = loader.state_dict()
        loader.close()
        other = TorchLoader(dataset, 2, recipe=PLAIN, seed=99, world=2, rank=1)
        other.load_state_dict(state)
        rest = list(other)
        assert len(rest) == len(batches) - 2
        for a, b in zip(batches[2:], rest, strict=True):
            assert torch.equal(a["views"][0][2:], b["views"][0])
        assert next(iter(other))["key"], "then the next epoch"


def test_set_epoch(dataset: Dataset) -> None:
    loader = TorchLoader(dataset, 4, recipe=PLAIN, seed=3)
    keys = [[batch["key"] for batch in loader] for _ in range(3)]
    loader.set_epoch(1)
    assert [batch["key"] for batch in loader] == keys[1]
    assert [batch["key"] for batch in loader] == keys[2]
    with pytest.raises(UsageError):
        loader.set_epoch(-1)


def test_a_new_iteration_ends_the_earlier_one(dataset: Dataset) -> None:
    loader = TorchLoader(dataset, 4, recipe=PLAIN, seed=3)
    first = iter(loader)
    next(first)
    second = iter(loader)
    with pytest.raises(StopIteration):
        next(first)
    assert len(list(second)) == len(loader)


@pytest.mark.parametrize("output", ["float32", "float16", "bfloat16"])
def test_float_outputs_are_normalised(dataset: Dataset, output: str) -> None:
    recipe = small(RECIPES["cast"])
    plain = next(iter(TorchLoader(dataset, 4, recipe=recipe, seed=0)))
    made = next(iter(TorchLoader(dataset, 4, recipe=recipe, seed=0, output=output, channels_last=True)))
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = (plain["views"][0] / 255 - mean) / deviation
    view = made["views"][0]
    assert view.dtype == getattr(torch, output)
    assert view.is_contiguous(memory_format=torch.channels_last)
    assert (view.float() - expected).abs().max() < {"float32": 1e-5, "float16": 2e-3, "bfloat16": 1e-2}[
        output
    ]
    assert made["masked"] is not None
    assert made["masked"][0] is None
    assert made["masked"][1] is not None
    assert made["masked"][1].dtype == view.dtype


def test_the_masked_background_is_nearly_zero_when_normalised() -> None:
    mean = torch.tensor([124, 116, 104], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 2, 2)
    assert normalise(mean, torch.float32).abs().max() < 0.01


def noise(rng: np.random.Generator, height: int, width: int) -> torch.Tensor:
    return from_numpy(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("replacement", ["donor", "grey"])
@pytest.mark.parametrize("softness", [0.0, 0.5])
def test_a_matched_negative_is_its_querys_background_outside_its_foreground(
    replacement: Any, softness: float
) -> None:
    """n = f_r · r + (1 - f_r) · bg(q), both made alone: r without a background, bg(q) as q without foreground."""
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
    chain = Photometric(solarise_p=0.3)
    view = View(size=32, photometric=chain, background=Background(replace=replacement, p=0.5))
    third = View(size=32, photometric=chain, crop=Crop(fg_min=0.5), background=Background(softness=softness))
    recipe = Recipe(views=(view,), negative=Negative(p=0.7, view=third))
    seen = set()
    for epoch in range(3):
        draws = draw(recipe, sat, meta, np.arange(rows), seed=0, epoch=epoch)
        query, negative = draws.views[0], draws.negative
        assert negative is not None
        for row in range(rows):
            source, donor = int(draws.negative_source[row]), int(negative.donor[row])
            behind = pictures[donor] if donor >= 0 else None
            made = make_view(third, negative, row, Sources(photos[source], fg[source], behind), level).view
            own = make_view(
                replace(third, background=Background()), negative, row, Sources(photos[source]), level
            ).view
            if not draws.matched[row]:
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
    assert seen == {KEEP, DONOR if replacement == "donor" else GREY}


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_dalis_batches_are_the_same_up_to_rounding(dataset: Dataset, name: str) -> None:
    recipe = small(RECIPES[name])
    reference = TorchLoader(dataset, 7, recipe=recipe, seed=8)
    dali = DaliLoader(dataset, 7, recipe=recipe, seed=8)
    for a, b in zip(reference, dali, strict=True):
        for part in ("boxes", "flips", "replaced", "label", "key", "sample", "matched", "negative_source"):
            assert same(a[part], b[part]), part  # type: ignore[literal-required]
        for part in ("views", "weak", "masked", "masks", "cam_masks"):
            theirs, ours = b[part], a[part]  # type: ignore[literal-required]
            assert (theirs is None) == (ours is None)
            stretched = augmented(reference, a)
            for view, (x, y) in enumerate(zip(ours or (), theirs or (), strict=True)):
                close(x, y, part, stretched[view])
        close(a["negative"], b["negative"], "negative")
    reference.close()
    dali.close()


@pytest.mark.parametrize("name", ["mocov2-bg-swaps", "relicv2"])
def test_dalis_operators_give_the_same_pixels_inside_a_view(dataset: Dataset, name: str) -> None:
    """Blur and interpolation carry the pixels around a crop at most seven pixels into its view."""
    recipe = small(RECIPES[name])
    reference = TorchLoader(dataset, 7, recipe=recipe, seed=8)
    dali = DaliLoader(dataset, 7, recipe=recipe, seed=8, operators=True)
    for a, b in zip(reference, dali, strict=True):
        pairs = [*zip(a["views"], b["views"], strict=True)]
        if a["negative"] is not None and b["negative"] is not None:
            pairs.append((a["negative"], b["negative"]))
        for x, y in pairs:
            difference = (x.float() - y.float()).abs()[..., 8:-8, 8:-8]
            assert (difference > 1).float().mean() < 0.003
    dali.close()


def augmented(loader: TorchLoader, batch: Any) -> torch.Tensor:
    """(V, B) which rows of each view went through AutoAugment."""
    taken = loader.reader.small(batch["sample"].numpy())
    draws = draw(loader.recipe, taken.sat, taken.meta, batch["sample"].numpy(), seed=8, epoch=0)
    return torch.from_numpy(np.stack([view.policy >= 0 for view in draws.views]))


def close(ours: Any, theirs: Any, part: str, stretched: Any = None) -> None:
    """Equal shapes and types, and values equal but for rounding and for single pixels at the edge of a mask.

    In `stretched` rows AutoAugment's equalize, posterize and solarize make a difference of one level to many.
    """
    assert (ours is None) == (theirs is None)
    if ours is None:
        return
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    difference = (ours.float() - theirs.float()).abs()
    if part == "cam_masks":
        assert difference.max() < 0.1  # one pixel of a cell of 6 x 6 weighs 0.03
        assert difference.mean() < 0.003
    elif part == "masks":
        assert (difference > 0).float().mean() < 0.005
    else:
        plain = difference if stretched is None else difference[~stretched]
        assert not plain.numel() or (plain > 3).float().mean() < 0.005
        assert not plain.numel() or plain.mean() < 0.3
        assert not (stretched is not None and stretched.any()) or difference[stretched].mean() < 8


def test_corrupted_masks_reach_the_pixels(dataset: Dataset) -> None:
    view = View(
        size=32, crop=Crop(scale=(1, 1), ratio=(0.01, 100)), photometric=NO_PHOTOMETRIC, flip_p=0, masks=True
    )
    recipe = Recipe(views=(view,), corruption=Corruption(change="centred_rectangle", amount=0.25))
    batch = next(iter(TorchLoader(dataset, 8, recipe=recipe, seed=0)))
    assert batch["masks"] is not None
    assert batch["masks"][0] is not None
    share = (batch["masks"][0] > 0).float().mean(dim=(1, 2, 3))
    assert (share - 0.25).abs().max() < 0.03
    assert (batch["masks"][0][:, 0, 16, 16] == 255).all()


def test_a_damaged_photo_is_an_error_or_is_replaced(builder: Callable[..., Any]) -> None:
    made = builder(samples=12, shard_size=12)
    dataset = open_dataset(made.path)
    shard = dataset.shards[0]
    start, size = shard.place(5, shard.members.index("jpg"))
    tar = dataset.tar(shard)
    data = bytearray(tar.read_bytes())
    data[start + 2 : start + size] = bytes(size - 2)
    tar.write_bytes(data)
    bad = dataset.keys(np.array([5]))[0]
    loader = TorchLoader(dataset, 4, recipe=PLAIN, seed=0)
    turn, errors, keys = iter(loader), [], []
    for _ in range(len(loader)):
        try:
            keys += next(turn)["key"]
        except BrokenSample as error:
            errors.append(str(error))
    assert len(errors) == 1
    assert bad in errors[0]
    assert len(set(keys)) == 8
    skipping = TorchLoader(dataset, 4, recipe=PLAIN, seed=0, on_error="skip")
    keys = [key for batch in skipping for key in batch["key"]]
    assert len(keys) == 12
    assert bad not in keys
    assert skipping.skipped == 1


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"prefetch": 0}, {"output": "int8"}, {"device": "tpu"}, {"last": "first"}]
)
def test_options_out_of_range(dataset: Dataset, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        TorchLoader(dataset, 2, recipe=PLAIN, seed=0, **options)
