"""DALI loaders of drawn photos, and what an epoch of theirs gave; imported by the tests of the loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from maskgen.errors import MaskgenError
from maskgen.loaders import (
    NO_PHOTOMETRIC,
    Background,
    Batch,
    Crop,
    DaliLoader,
    Negative,
    Recipe,
    View,
    open_dataset,
)

SMALL = View(size=32, photometric=NO_PHOTOMETRIC)
DONORS = View(size=32, background=Background(replace="donor", p=1.0))
FULL = Recipe(
    views=(
        View(size=32, crop=Crop(fg_min=0.3), background=Background(replace="donor", p=0.5), masks=True),
        View(size=24, background=Background(replace="grey", p=0.5), weak=True),
    ),
    negative=Negative(p=0.5, view=View(size=32)),
)


def make(
    path: Any, batch_size: int = 4, *, recipe: Any = (SMALL,), seed: int = 0, **options: Any
) -> DaliLoader:
    return DaliLoader(open_dataset(path), batch_size, recipe=recipe, seed=seed, **options)


def keys(batches: Iterator[Batch] | list[Batch]) -> list[str]:
    return [key for batch in batches for key in batch["key"]]


def equal(one: Any, two: Any) -> bool:
    """Whether two batches, or parts of them, are the same."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[name], two[name]) for name in one)
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(equal, one, two))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


def harvest(epoch: Iterator[Batch], limit: int = 100) -> tuple[list[Batch], list[MaskgenError]]:
    """All batches of an epoch and all errors on the way."""
    batches, faults = [], []
    for _ in range(limit):
        try:
            batches.append(next(epoch))
        except StopIteration:
            return batches, faults
        except MaskgenError as fault:
            faults.append(fault)
    raise AssertionError("the epoch does not end")
