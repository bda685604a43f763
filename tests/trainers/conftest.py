"""Batches of noise that have what a preset's views have, and small labeled shards of real photos."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from maskgen.trainers.data.batch import Views
from maskgen.trainers.presets import Preset

MakeViews = Callable[..., Views]


def noise_views(preset: Preset, batch: int = 8, seed: int = 0, classes: int = 5) -> Views:
    """A batch for any method: each view of an image is the image's own noise with a little more."""
    generator = torch.Generator().manual_seed(seed)
    recipe = preset.views

    def picture(size: int) -> Tensor:
        return torch.randn(batch, 3, size, size, generator=generator)

    base = {view.size: picture(view.size) for view in recipe.views}

    def view(size: int) -> Tensor:
        return base[size] + 0.3 * picture(size)

    sides = [view.cam_masks for view in recipe.views]
    cams = tuple(torch.rand(batch, k, k, generator=generator).round() if k else None for k in sides)
    shown = tuple(view(v.size) for v in recipe.views)
    weak = tuple(view(v.size) if v.weak else None for v in recipe.views)
    masked = tuple(view(v.size) if v.masked else None for v in recipe.views)
    several = [picture(recipe.views[0].size) for _ in range(recipe.negative.count if recipe.negative else 0)]
    extra = None if not several else several[0] if len(several) == 1 else torch.stack(several, dim=1)
    return Views(
        views=shown,
        cam_masks=cams,
        weak=weak,
        masked=masked,
        negative=extra,
        matched=None if extra is None else torch.rand(extra.shape[:-3], generator=generator) < 0.5,
        kept=tuple(view(v.size) if v.kept else None for v in recipe.views),
        replaced=(torch.rand(batch, len(recipe.views), generator=generator) < 0.5).to(torch.uint8),
        label=torch.randint(0, classes, (batch,), generator=generator),
    )


@pytest.fixture(scope="session")
def make_views() -> MakeViews:
    return noise_views


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
