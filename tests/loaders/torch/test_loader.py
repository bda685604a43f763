"""The torch loader: its epochs, and its batches pixel by pixel against the oracle's and DALI's."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from oracle.batches import expected_batches
from oracle.compare import close_batch, same_batch, small
from PIL import Image

from maskgen.errors import UsageError
from maskgen.io.images.stored import decode_photo
from maskgen.loaders import DaliLoader, open_dataset
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.recipes.parts import NO_PHOTOMETRIC, Background, Corruption, Crop
from maskgen.loaders.recipes.published import RECIPES
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.torch.loader import TorchLoader

PLAIN = Recipe(views=(View(size=32, masks=True),))


@pytest.fixture(scope="module")
def dataset(drawn: Any) -> Dataset:
    return open_dataset(drawn.path)


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


@pytest.mark.slow
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
def test_float_outputs_are_normalized(dataset: Dataset, output: str) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_batches_are_the_oracles_up_to_rounding(dataset: Dataset, name: str) -> None:
    recipe = small(RECIPES[name])
    loader = TorchLoader(dataset, 7, recipe=recipe, seed=8)
    for ours, theirs in zip(loader, expected_batches(dataset, 7, recipe=recipe, seed=8), strict=True):
        close_batch(ours, theirs, dataset, recipe, seed=8)
    loader.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_batches_are_dalis_bit_by_bit(grained: Any, name: str) -> None:
    """The photos have grain, and are stored as 4:2:0 JPEGs."""
    dataset, recipe = open_dataset(grained.path), small(RECIPES[name])
    options: Any = {"recipe": recipe, "seed": 8, "output": "float32", "channels_last": name == "msr"}
    ours, theirs = TorchLoader(dataset, 7, **options), DaliLoader(dataset, 7, **options)
    for one, two in zip(ours, theirs, strict=True):
        same_batch(one, two)
    ours.close()
    theirs.close()


@pytest.mark.slow
@pytest.mark.parametrize("store", ["full", "patch"])
@pytest.mark.parametrize("tile", [False, True])
def test_backgrounds_are_dalis_bit_by_bit(builder: Callable[..., Any], store: str, tile: bool) -> None:
    made = builder(samples=12, shard_size=6, texture=20.0, tiled=True, options={"background_store": store})
    view = View(size=48, crop=Crop(fg_min=0.3), background=Background(replace="donor", p=1.0))
    options: Any = {"recipe": Recipe(views=(view, view)), "seed": 1, "tile": tile}
    dataset = open_dataset(made.path)
    one, two = (next(iter(kind(dataset, 12, **options))) for kind in (TorchLoader, DaliLoader))
    assert (one["replaced"] == 2).any()
    same_batch(one, two)


def test_the_decoders_agree_on_every_subsampling_and_odd_size() -> None:
    """What makes the batches equal: libjpeg-turbo behind OpenCV, behind DALI, and behind Pillow."""
    from nvidia.dali import fn, pipeline_def

    rng, encoded = np.random.default_rng(0), []
    for subsampling, (height, width) in itertools.product((0, 1, 2), ((64, 64), (37, 51), (80, 33))):
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=80, subsampling=subsampling, progressive=height == 37)
        encoded.append(np.frombuffer(file.getvalue(), np.uint8))

    @pipeline_def(batch_size=len(encoded), num_threads=1, device_id=None)
    def graph() -> Any:
        return fn.decoders.image(fn.external_source(lambda: encoded))

    pipeline = graph()
    pipeline.build()
    (made,) = pipeline.run()
    for number, data in enumerate(encoded):
        ours = decode_photo(data.tobytes())
        assert (ours == made.at(number)).all()
        assert (ours == np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))).all()


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


WHOLE = View(
    size=64, crop=Crop(scale=(1.0, 1.0), ratio=(0.2, 5.0)), photometric=NO_PHOTOMETRIC, flip_p=0.0, masks=True
)


def first(dataset: Dataset, recipe: Recipe) -> Any:
    loader = TorchLoader(dataset, 20, recipe=recipe, seed=0)
    batch = next(iter(loader))
    loader.close()
    return batch


def behind(*, p: float) -> View:
    return replace(WHOLE, background=Background(replace="donor", p=p))


@pytest.mark.parametrize(("query", "key"), [(0.0, 1.0), (1.0, 0.0)])
def test_backgrounds_are_replaced_in_the_query_or_the_key_alone(
    dataset: Dataset, query: float, key: float
) -> None:
    """Ryali et al., tables 2 and 3: the other view shows the photo, and so do the kept views."""
    plain = first(dataset, Recipe(views=(WHOLE, WHOLE)))
    views = tuple(replace(behind(p=p), kept=True) for p in (query, key))
    batch = first(dataset, Recipe(views=views))
    for view, p in enumerate((query, key)):
        assert torch.equal(batch["kept"][view], plain["views"][view])
        changed = (batch["views"][view] != plain["views"][view]).any(dim=1)
        if not p:
            assert not changed.any()
            continue
        assert (batch["replaced"][:, view] == 2).sum() > 10
        shown = batch["masks"][view][:, 0] > 0
        assert not (changed & shown).any()
        assert changed[batch["replaced"][:, view] == 2].float().mean() > 0.3


def test_five_negatives_stand_on_the_background_of_the_key(dataset: Dataset) -> None:
    """A.3.2 and A.3.4, by pixels: outside its own photo's mask each is what the key shows there."""
    own = replace(WHOLE, masks=False)
    gray = replace(WHOLE, background=Background(replace="grey", p=1.0))
    law = Negative(p=1.0, view=own, count=5, background_of=1)
    batch = first(dataset, Recipe(views=(WHOLE, gray), negative=law))
    assert batch["negative"].shape == (20, 5, 3, 64, 64)
    assert batch["negative_source"].shape == batch["matched"].shape == (20, 5)
    masks, checked = batch["masks"][1][:, 0] > 0, 0
    for row, number in batch["matched"].nonzero().tolist():
        source, key = int(batch["negative_source"][row, number]), batch["views"][1][row]
        if batch["replaced"][row, 1] != 1:
            continue
        level = key[:, ~masks[row]].unique()
        assert len(level) == 1
        made = batch["negative"][row, number]
        assert (made[:, ~masks[source]] == level).all()
        assert torch.equal(made[:, masks[source]], batch["views"][0][source][:, masks[source]])
        checked += 1
    assert checked > 50


@pytest.mark.parametrize("formula", ["printed", "hole"])
def test_the_printed_formula_shows_the_query_and_a_hole_the_other_photo(
    dataset: Dataset, formula: Any
) -> None:
    law = Negative(p=1.0, view=replace(WHOLE, masks=False), formula=formula)
    batch = first(dataset, Recipe(views=(behind(p=0.5),), negative=law))
    plain, query = first(dataset, Recipe(views=(WHOLE,)))["views"][0], batch["views"][0]
    assert batch["matched"].sum() > 10
    for row in range(20):
        other = plain[int(batch["negative_source"][row])]
        inside = batch["masks"][0][row, 0] > 0
        front, back = (query[row], other) if formula == "printed" else (other, query[row])
        wanted = torch.where(inside, front, back) if batch["matched"][row] else other
        assert torch.equal(batch["negative"][row], wanted)


def test_a_background_of_one_color(dataset: Dataset) -> None:
    """And a negative that is matched to it."""
    law = Background(replace="grey", p=1.0, color=(1.0, 0.5, 0.0))
    negative = Negative(p=1.0, view=replace(WHOLE, masks=False))
    batch = first(dataset, Recipe(views=(replace(WHOLE, background=law),), negative=negative))
    color, masks = torch.tensor([255, 128, 0], dtype=torch.uint8), batch["masks"][0][:, 0] > 0
    rows = (batch["matched"] & (batch["replaced"][:, 0] == 1)).nonzero().flatten().tolist()
    assert len(rows) > 10
    for row in rows:
        source = int(batch["negative_source"][row])
        assert (batch["views"][0][row].permute(1, 2, 0)[~masks[row]] == color).all()
        assert (batch["negative"][row].permute(1, 2, 0)[~masks[source]] == color).all()
