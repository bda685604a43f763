"""Both graphs against the oracle with the same draws, on photos with grain."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracle.batches import expected_batches

from maskgen.loaders import (
    Background,
    Batch,
    Corruption,
    Crop,
    DaliLoader,
    Negative,
    Photometric,
    Recipe,
    View,
    open_dataset,
)
from maskgen.loaders.recipes.published import RECIPES

ALL = Photometric(blur_p=0.7, solarize_p=0.5, solarize_threshold=110)
EXACT = replace(ALL, jitter_mode="torchvision", gray_p=0.3)
HOLDS = Crop(fg_min=0.3)


def view(**values: Any) -> View:
    return View(**{"size": 80, "crop": HOLDS, "photometric": ALL, **values})


def always(replace_with: str, **values: Any) -> View:
    return view(background=Background(replace=replace_with, p=1.0, **values))  # type: ignore[arg-type]


def swapping(query: View) -> Recipe:
    other = view(photometric=query.photometric)
    return Recipe(views=(query, view()), negative=Negative(p=0.7, view=other))


def several(place: Any = "after", **law: Any) -> Recipe:
    """Negatives of two views whose backgrounds are often replaced."""
    often = view(background=Background(replace="donor", p=0.6, place=place))
    return Recipe(views=(often, often), negative=Negative(p=0.7, view=always_kept(place=place), **law))


def always_kept(**values: Any) -> View:
    return view(background=Background(**values))


# Every part at once, more often than any published recipe has it.
STRAINED = {
    "gray after": Recipe(views=(always("grey"),)),
    "gray before": Recipe(views=(always("grey", place="before"),)),
    "donor after": Recipe(views=(always("donor"), always("donor"))),
    "donor before": Recipe(views=(always("donor", place="before"),)),
    "soft edges": Recipe(views=(always("donor", softness=0.5), always("grey", gray=0.0, softness=0.3))),
    "negative on its own background": swapping(view()),
    "negative on a donor's": swapping(view(background=Background(replace="donor", p=0.6))),
    "negative on gray": swapping(view(background=Background(replace="grey", p=0.6))),
    "all outputs": Recipe(views=(replace(always("donor"), masks=True, cam_masks=7, weak=True, masked=True),)),
    "masks within another view": Recipe(
        views=(
            replace(always("grey"), masks=True, cam_masks=7, masks_within=1, crop=Crop(scale=(0.1, 0.5))),
            replace(view(), masks=True, masked=True, masks_within=0, crop=Crop(scale=(0.1, 0.5))),
        )
    ),
    "corrupted masks": Recipe(
        views=(replace(always("grey"), masks=True),) * 2, corruption=Corruption(change="rotate", amount=90.0)
    ),
    "torchvision's jitter": swapping(view(photometric=EXACT, background=Background(replace="donor", p=0.6))),
    "one color": swapping(view(background=Background(replace="grey", p=0.6, color=(0.2, 0.9, 0.5)))),
    "kept after": Recipe(views=(replace(always("donor"), kept=True),)),
    "kept before": Recipe(views=(replace(always("donor", place="before"), kept=True),)),
    "centered": Recipe(views=(view(crop=Crop(centered=0.875), masks=True),)),
    "three negatives of the key": several(background_of=1, count=3),
    "negatives before the colors": several("before", count=2),
    "the printed formula": several(formula="printed", count=2),
    "a hole, soft": replace(
        several(), negative=Negative(p=0.7, formula="hole", view=always_kept(softness=0.4), background_of=1)
    ),
    "one gray level": Recipe(views=(view(size=33, photometric=replace(ALL, gray_p=1.0)),)),
}
GRAPHS = {"rendered": False, "operators": True}


def batches(path: Path, recipe: Recipe, **options: Any) -> tuple[Batch, Any]:
    """Ours and the oracle's, of the backgrounds that are stored."""
    dataset = open_dataset(path)
    ours = next(iter(DaliLoader(dataset, 24, recipe=recipe, seed=3, tile=False, **options)))
    theirs = next(expected_batches(dataset, 24, recipe=recipe, seed=3))
    return ours, theirs


def pictures(batch: Batch) -> dict[str, torch.Tensor]:
    """Every picture output of a batch by name."""
    found = {}
    for name in ("views", "weak", "masked", "kept"):
        for index, part in enumerate(batch[name] or ()):  # type: ignore[literal-required]
            if part is not None:
                found[f"{name} {index}"] = part.float()
    if batch["negative"] is not None:
        found["negative"] = batch["negative"].float()
    return found


def check_rest(ours: Batch, theirs: Batch) -> None:
    """All that is no picture."""
    assert ours.keys() == theirs.keys()
    assert ours["key"] == theirs["key"]
    for name in ("boxes", "flips", "replaced", "negative_source", "matched", "label", "sample"):
        one, two = ours[name], theirs[name]  # type: ignore[literal-required]
        assert (one is None) == (two is None)
        assert one is None or (one.dtype == two.dtype and torch.equal(one, two))
    for name in ("masks", "cam_masks"):
        for one, two in itertools.zip_longest(ours[name] or (), theirs[name] or ()):  # type: ignore[literal-required]
            assert (one is None) == (two is None)
            if one is not None:
                assert (one.dtype, one.shape) == (two.dtype, two.shape)
                assert (one.float() - two.float()).abs().mean() < (0.5 if name == "masks" else 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", STRAINED)
def test_same_pictures_as_the_oracle(grained: Any, name: str, graph: str) -> None:
    ours, theirs = batches(grained.path, STRAINED[name], operators=GRAPHS[graph])
    check_rest(ours, theirs)
    for part, picture in pictures(ours).items():
        off = (picture - pictures(theirs)[part]).abs()
        inner = off[..., 6:-6, 6:-6]  # DALI's resize reads the photo around the crop, the others do not
        assert off.mean() < 0.35, part
        assert inner.mean() < (0.02 if GRAPHS[graph] else 0.3), (
            part
        )  # torch's resize rounds after its first pass too
        assert (inner > 3).float().mean() < 0.01, part  # mask edges and solarized values on the threshold


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", RECIPES)
def test_published_recipes(grained: Any, name: str, graph: str) -> None:
    ours, theirs = batches(grained.path, RECIPES[name], operators=GRAPHS[graph])
    check_rest(ours, theirs)
    for part, picture in pictures(ours).items():
        off = (picture - pictures(theirs)[part]).abs().mean(dim=(1, 2, 3))
        assert off.median() < 0.4, part
        assert off.max() < (4 if "knn" in name else 1.2), part  # equalize makes several levels of a step of 1


@pytest.mark.slow
def test_backgrounds_stored_as_patches_show_the_same(builder: Any) -> None:
    recipe = STRAINED["donor after"]
    common = {"samples": 24, "shard_size": 8, "texture": 20.0, "tiled": True, "seed": 5}
    quality = {"background_quality": 100}
    full = builder(**common, options=quality)
    patched = builder(**common, options={**quality, "background_store": "patch"})
    for operators in (False, True):
        whole, pasted = (
            next(
                iter(
                    DaliLoader(
                        open_dataset(built.path), 24, recipe=recipe, seed=3, operators=operators, tile=False
                    )
                )
            )
            for built in (full, patched)
        )
        for one, two in zip(whole["views"], pasted["views"], strict=True):
            off = (one.float() - two.float()).abs()
            assert 0 < off.mean() < 1.5  # two JPEGs of the same pixels
            assert (off > 16).float().mean() < 0.002


@pytest.mark.slow
def test_tiled_anew_is_the_stored_background_but_for_its_jpeg(builder: Any) -> None:
    built = builder(samples=24, shard_size=8, texture=20.0, tiled=True, options={"background_quality": 100})
    dataset, recipe = open_dataset(built.path), STRAINED["donor after"]
    stored, tiled = (
        next(iter(DaliLoader(dataset, 24, recipe=recipe, seed=3, tile=tile))) for tile in (False, None)
    )
    assert torch.equal(stored["replaced"], tiled["replaced"])
    for one, two in zip(stored["views"], tiled["views"], strict=True):
        off = (one.float() - two.float()).abs()
        assert 0 < off.mean() < 1.5
        assert (off > 16).float().mean() < 0.002


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS)
def test_normalized_pictures(grained: Any, graph: str) -> None:
    dataset, recipe = open_dataset(grained.path), STRAINED["all outputs"]
    made = {
        name: next(iter(DaliLoader(dataset, 8, recipe=recipe, seed=1, output=name, operators=GRAPHS[graph])))
        for name in ("uint8", "float32", "float16", "bfloat16")
    }
    raw = pictures(made["uint8"])
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    for name, tolerance in (("float32", 1e-5), ("float16", 2e-3), ("bfloat16", 1.6e-2)):
        assert made[name]["views"][0].dtype == getattr(torch, name)
        for part, picture in pictures(made[name]).items():
            assert (picture - (raw[part] / 255 - mean) / deviation).abs().max() < tolerance


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS)
def test_channels_last_has_the_same_values(grained: Any, graph: str) -> None:
    dataset, recipe = open_dataset(grained.path), STRAINED["all outputs"]
    planes, last = (
        next(iter(DaliLoader(dataset, 8, recipe=recipe, seed=1, channels_last=cl, operators=GRAPHS[graph])))
        for cl in (False, True)
    )
    assert last["views"][0].is_contiguous(memory_format=torch.channels_last)
    assert planes["views"][0].is_contiguous()
    for part, picture in pictures(planes).items():
        assert torch.equal(picture, pictures(last)[part])
    assert planes["masks"] is not None
    assert last["masks"] is not None
    assert torch.equal(planes["masks"][0], last["masks"][0])  # type: ignore[arg-type]


@pytest.mark.slow
def test_threads_do_not_change_a_pixel(grained: Any) -> None:
    dataset, recipe = open_dataset(grained.path), STRAINED["negative on a donor's"]
    one, four = (
        next(iter(DaliLoader(dataset, 24, recipe=recipe, seed=3, threads=threads))) for threads in (1, 4)
    )
    for part, picture in pictures(one).items():
        assert torch.equal(picture, pictures(four)[part])


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS)
def test_negative_is_on_the_background_of_its_query(drawn: Any, graph: str) -> None:
    """Without crops and colors: outside the other photo's mask, the negative is what the query shows
    there.
    """
    whole = Crop(scale=(1.0, 1.0), ratio=(0.2, 5.0))
    plain = View(size=64, crop=whole, photometric=Photometric(jitter_p=0, gray_p=0, blur_p=0), flip_p=0.0)
    gray = replace(plain, background=Background(replace="grey", p=1.0), masks=True)
    recipe = Recipe(views=(gray,), negative=Negative(p=1.0, view=plain))
    batch = next(
        iter(DaliLoader(open_dataset(drawn.path), 20, recipe=recipe, seed=0, operators=GRAPHS[graph]))
    )
    assert batch["negative"] is not None
    assert batch["negative_source"] is not None
    assert batch["matched"] is not None
    assert batch["masks"] is not None
    checked = 0
    for row in np.flatnonzero(batch["matched"].numpy() & (batch["replaced"][:, 0] == 1).numpy()).tolist():
        source = int(batch["negative_source"][row])
        mask, query = batch["masks"][0], batch["masks"][0]
        assert mask is not None
        assert query is not None
        outside, behind = mask[source, 0] == 0, query[row, 0] == 0
        levels = batch["views"][0][row][:, behind].unique()
        assert len(levels) == 1
        assert (batch["negative"][row][:, outside] == levels).float().mean() > 0.99
        inside = mask[source, 0] > 0
        assert batch["negative"][row][0][inside].float().mean() > 180, "the red of a drawing's ellipse"
        checked += 1
    assert checked > 10


@pytest.mark.gpu
@pytest.mark.parametrize("name", [*STRAINED, *RECIPES])
def test_gpu_gives_the_pictures_of_the_cpu(grained: Any, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    recipe = {**STRAINED, **RECIPES}[name]
    ours, theirs = batches(grained.path, recipe, device="cuda")
    assert ours["views"][0].is_cuda
    for part, picture in pictures(ours).items():
        off = (picture.cpu() - pictures(theirs)[part]).abs().mean(dim=(1, 2, 3))
        assert off.median() < 2, part  # its JPEG decoder rounds differently
        assert off.max() < 8, part
    for one, two in zip(ours["masks"] or (), theirs["masks"] or (), strict=True):
        assert one is None or two is None or (one.cpu() != two).float().mean() < 0.005


@pytest.mark.gpu
def test_gpu_on_the_backgrounds_as_patches(builder: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    built = builder(samples=24, shard_size=8, texture=20.0, tiled=True, options={"background_store": "patch"})
    dataset = open_dataset(built.path)
    cpu, gpu = (
        next(iter(DaliLoader(dataset, 24, recipe=STRAINED["donor after"], seed=3, device=d)))
        for d in ("cpu", "cuda")
    )
    for part, picture in pictures(gpu).items():
        assert (picture.cpu() - pictures(cpu)[part]).abs().mean() < 2
