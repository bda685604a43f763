"""How far a loader's batch is from the oracle's, and recipes that are quick to compare."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from maskgen.loaders import Dataset, Recipe, SampleReader, View
from maskgen.loaders.sampling.draws import draw

FACTS = ("boxes", "flips", "replaced", "skipped", "label", "key", "sample", "matched", "negative_source")
PICTURES = ("views", "weak", "masked", "kept", "masks", "cam_masks")


def small(recipe: Recipe) -> Recipe:
    """The same with views of at most 40 px and each background replaced as often as possible."""

    def shrink(view: View) -> View:
        law = view.background
        side = 40 if view.size > 96 else 24
        return replace(view, size=side, background=law if law.replace == "none" else replace(law, p=0.6))

    negative = recipe.negative and replace(recipe.negative, p=0.6, view=shrink(recipe.negative.view))
    return replace(recipe, views=tuple(map(shrink, recipe.views)), negative=negative)


def same(a: Any, b: Any) -> bool:
    """Whether two parts of batches are equal to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) and a.dtype == b.dtype
    if isinstance(a, tuple):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def same_batch(a: Any, b: Any) -> None:
    """Two batches are equal to the last bit."""
    assert a.keys() == b.keys()
    for name in a:
        assert same(a[name], b[name]), name


def close_batch(ours: Any, theirs: Any, dataset: Dataset, recipe: Recipe, *, seed: int) -> None:
    """A batch of epoch 0 is the oracle's but for rounding."""
    for part in FACTS:
        assert same(ours[part], theirs[part]), part
    stretched = _augmented(ours, dataset, recipe, seed)
    for part in PICTURES:
        assert (ours[part] is None) == (theirs[part] is None)
        for view, (x, y) in enumerate(zip(ours[part] or (), theirs[part] or (), strict=True)):
            _close(x, y, part, stretched[view])
    _close(ours["negative"], theirs["negative"], "negative")


def _augmented(batch: Any, dataset: Dataset, recipe: Recipe, seed: int) -> torch.Tensor:
    """(V, B) which rows of each view went through AutoAugment."""
    samples = batch["sample"].numpy()
    taken = SampleReader(dataset).small(samples)
    draws = draw(recipe, taken.sat, taken.meta, samples, seed=seed, epoch=0)
    return torch.from_numpy(np.stack([view.policy >= 0 for view in draws.views]))


def _close(ours: Any, theirs: Any, part: str, stretched: Any = None) -> None:
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
