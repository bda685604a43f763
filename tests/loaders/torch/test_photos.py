"""Photos without shards: batches are those of shards of the photos; damage is skipped; masks are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lossless import COUNT, key, make_lossless, photo

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders import open_dataset
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.options import LoaderOptions
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.recipes.parts import Background, Corruption, Crop
from maskgen.loaders.recipes.published import RECIPES
from maskgen.loaders.recipes.spec import Recipe, View
from maskgen.loaders.torch.loader import TorchLoader
from maskgen.loaders.torch.photos import PhotoLoader

ORDER = sorted(range(COUNT), key=key)
"""The photos' numbers in the order of the shards."""
PLAIN = Recipe(views=(View(size=24), View(size=16, crop=Crop(overlap_of=0)), View(size=24, weak=True)))


def photo_set(broken: tuple[int, ...] = ()) -> PhotoSet:
    def read(number: int) -> Any:
        if number in broken:
            raise ShardFault("a picture does not decode", where="x", cause="truncated", remedy="mend it")
        return photo(ORDER[number])

    labels = np.array([number % 2 for number in ORDER], np.int64)
    return PhotoSet("photos", "mark", labels, read, lambda number: key(ORDER[number]))


def assert_alike(ours: Any, theirs: Any) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        other = ours[name]
        if isinstance(value, tuple):
            assert [one is None for one in value] == [one is None for one in other]
            pairs = zip(value, other, strict=True)
            assert all(torch.equal(a, b) for a, b in pairs if a is not None), name
        else:
            assert torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other, name


@pytest.mark.parametrize("recipe", [PLAIN, "simclr"])
def test_batches_are_those_of_shards_of_the_photos(recipe: Recipe | str, tmp_path: Path) -> None:
    shards = TorchLoader(open_dataset(make_lossless(tmp_path)), 4, recipe=recipe, seed=3, last="partial")
    photos = PhotoLoader(photo_set(), 4, recipe=recipe, seed=3, options=LoaderOptions(last="partial"))
    for _ in range(2):
        for theirs, ours in zip(shards, photos, strict=True):
            assert_alike(ours, theirs)
    shards.close()
    photos.close()


def test_an_epoch_goes_on_where_its_state_was_kept() -> None:
    options = LoaderOptions(last="partial", output="float32")
    whole = list(PhotoLoader(photo_set(), 2, recipe=PLAIN, seed=1, options=options))
    first = PhotoLoader(photo_set(), 2, recipe=PLAIN, seed=1, options=options)
    next(iter(first))
    later = PhotoLoader(photo_set(), 2, recipe=PLAIN, seed=1, options=options)
    later.load_state_dict(first.state_dict())
    for ours, theirs in zip(later, whole[1:], strict=True):
        assert_alike(ours, theirs)
    other = PhotoLoader(photo_set().take(np.arange(COUNT) > 0), 2, recipe=PLAIN, options=options)
    with pytest.raises(UsageError, match="another data set"):
        other.load_state_dict(first.state_dict())


def test_ranks_share_a_global_batch() -> None:
    parts = [
        PhotoLoader(photo_set(), 2, recipe=PLAIN, options=LoaderOptions(rank=rank, world=2))
        for rank in (0, 1)
    ]
    whole = PhotoLoader(photo_set(), 4, recipe=PLAIN)
    for left, right, both in zip(*parts, whole, strict=True):
        assert left["sample"].tolist() + right["sample"].tolist() == both["sample"].tolist()
        assert torch.equal(torch.cat([left["views"][0], right["views"][0]]), both["views"][0])


def test_damaged_photos_are_counted_and_replaced_or_named() -> None:
    options = LoaderOptions(on_error="skip", last="partial")
    loader = PhotoLoader(photo_set(broken=(1, 4)), 3, recipe=PLAIN, options=options)
    seen = torch.cat([batch["sample"] for batch in loader])
    assert (len(seen), loader.skipped) == (COUNT, 2)
    assert not {1, 4} & set(seen.tolist())
    strict = PhotoLoader(photo_set(broken=(1,)), 6, recipe=PLAIN)
    with pytest.raises(
        BrokenSample, match=r"cannot be read: photos: a_p2(.|\n)*truncated(.|\n)*mend the photo"
    ):
        next(iter(strict))


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPES["mocov2-bg-rm"],
        RECIPES["cast"],
        Recipe(views=(View(crop=Crop(fg_min=0.1)),)),
        Recipe(views=(View(crop=Crop(center="foreground")),)),
        Recipe(views=(View(),), corruption=Corruption(change="rotate", amount=9)),
        Recipe(views=(View(background=Background(p=0.1, replace="grey")),)),
    ],
)
def test_recipes_that_look_at_masks_are_refused(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match=r"needs masks(.|\n)*photos(.|\n)*maskgen run"):
        PhotoLoader(photo_set(), 2, recipe=recipe)
