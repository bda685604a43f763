"""Matched negatives: whose they are, and their pixels against the loaders'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgen.augment import Augment, matched_negatives
from maskgen.errors import UsageError
from maskgen.loaders.batch import Batch
from maskgen.loaders.recipes.parts import NO_PHOTOMETRIC, Background, Formula
from maskgen.loaders.recipes.spec import Negative, Recipe, View

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
    ),
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("device", DEVICES)
def test_negatives_show_another_foreground_on_the_own_background(scene: Any, device: str) -> None:
    images, masks, behind = (part.to(device) for part in scene)
    shifts = set()
    for seed in range(12):
        made = matched_negatives(images, masks, behind, generator=seeded(seed))
        assert sorted(made.source.tolist()) == [0, 1, 2, 3]
        for row, source in enumerate(made.source.tolist()):
            assert source != row
            if source == 3:  # no foreground to be seen: the whole photo
                assert not made.matched[row]
                assert torch.equal(made.images[row], images[3])
                continue
            assert made.matched[row]
            inside = masks[source, 0]
            assert (made.images[row][:, inside] == 10 * source + 100).all()
            assert (made.images[row][:, ~inside] == 10 * row + 200).all()
        shifts.add(made.source.tolist()[0])
    assert shifts == {1, 2, 3}


def test_negatives_that_are_not_matched_are_whole_photos(scene: Any) -> None:
    made = matched_negatives(scene.images, scene.masks, scene.backgrounds, p=0.0)
    assert not made.matched.any()
    assert torch.equal(made.images, scene.images[made.source])


def load(p: float, formula: Formula, count: int, softness: float) -> Batch:
    """The loaders' batch of five drawn photos; crops and colors do not hang on p."""
    rng = np.random.default_rng(3)
    photos = rng.integers(0, 256, (5, 50, 60, 3), np.uint8)
    masks = np.zeros((5, 50, 60), np.bool_)
    masks[:, 10:40, 15:45] = True
    plain = View(size=24, photometric=NO_PHOTOMETRIC, background=Background(softness=softness))
    extra = Negative(view=plain, p=p, count=count, formula=formula)
    recipe = Recipe(views=(View(size=24, photometric=NO_PHOTOMETRIC, masks=True),), negative=extra)
    return Augment(recipe, seed=7)(list(photos), list(masks), samples=range(5))


def by_photo(negatives: Tensor, source: Tensor) -> Tensor:
    """(B, n, C, H, W) at the rows of their photos."""
    columns = [negatives[:, n][source[:, n].argsort()] for n in range(source.shape[1])]
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("formula", ["printed", "hole"])
@pytest.mark.parametrize("count", [1, 3])
def test_pixels_and_sources_are_the_loaders(formula: Formula, count: int) -> None:
    plain, wanted = (load(p, formula, count, 0.0) for p in (0.0, 1.0))
    assert plain["negative"] is not None
    assert wanted["negative"] is not None
    assert wanted["negative_source"] is not None
    assert wanted["matched"] is not None
    assert wanted["masks"] is not None
    assert wanted["masks"][0] is not None
    source = wanted["negative_source"].reshape(5, count)
    photos = by_photo(plain["negative"].reshape(5, count, 3, 24, 24), source)
    whole = torch.ones(5, count, 1, 24, 24, dtype=torch.bool)
    queries = (wanted["views"][0], wanted["masks"][0])
    given = (photos, whole) if count > 1 else (photos[:, 0], whole[:, 0])
    for seed in range(60):
        made = matched_negatives(
            *given, formula=formula, count=count, queries=queries, generator=seeded(seed)
        )
        if torch.equal(made.source, wanted["negative_source"]):
            break
    assert torch.equal(made.source, wanted["negative_source"])
    assert torch.equal(made.matched, wanted["matched"])
    assert made.matched.any()
    assert torch.equal(made.images, wanted["negative"])
    assert not torch.equal(made.images, plain["negative"])


def test_several_are_of_other_photos_each_and_have_a_coin_each(scene: Any) -> None:
    images, masks = scene.images[:3].repeat(400, 1, 1, 1), scene.masks[:3].repeat(400, 1, 1, 1)
    made = matched_negatives(images, masks, images, p=0.5, count=2, generator=seeded(1))
    assert made.images.shape == (1200, 2, 3, 24, 32)
    assert (made.source[:, 0] != made.source[:, 1]).all()
    both = made.matched.all(dim=1).float().mean()
    assert 0.2 < both < 0.3, "coins that go together would make it a half"
    one = matched_negatives(images, masks, images, p=0.5, generator=seeded(1))
    assert one.images.shape == (1200, 3, 24, 32)


def test_what_does_not_fit_is_refused(scene: Any) -> None:
    images, masks, behind = scene
    with pytest.raises(UsageError, match="there is one row"):
        matched_negatives(images[:1], masks[:1], behind[:1])
    with pytest.raises(UsageError, match="queries' backgrounds, and none were given"):
        matched_negatives(images, masks)
    with pytest.raises(UsageError, match="do not go with backgrounds of shape"):
        matched_negatives(images, masks, behind[:2])
    with pytest.raises(UsageError, match="printed is of the queries"):
        matched_negatives(images, masks, behind, formula="printed")
    with pytest.raises(UsageError, match="did you mean 'prose'"):
        matched_negatives(images, masks, behind, formula="pros")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="are not those of 3 negatives"):
        matched_negatives(images[:, None], masks[:, None], behind, count=3)
