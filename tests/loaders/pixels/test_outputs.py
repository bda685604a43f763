"""Rendered arrays as a batch: which key each one gets, and a batch of nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from maskgen.loaders import Background, Crop, Negative, Recipe, SampleReader, View, open_dataset
from maskgen.loaders.options import LoaderOptions
from maskgen.loaders.pixels.outputs import BatchMaker, shrink_masks
from maskgen.loaders.pixels.sources import SourceReader, Sources

FIRST = View(
    size=16, crop=Crop(fg_min=0.3), background=Background(replace="donor", p=0.5), masks=True, weak=True
)
RECIPE = Recipe(views=(FIRST, View(size=8, cam_masks=2)), negative=Negative(p=0.5, view=View(size=16)))


@pytest.fixture(scope="module")
def sources(drawn: Any) -> Sources:
    return SourceReader(SampleReader(open_dataset(drawn.path), ("jpg", "bg.jpg")), RECIPE).read(
        np.arange(5), 0, 0
    )


def tensors() -> list[torch.Tensor]:
    """In the order of the outputs: views 0, masks 0, weak 0, views 1, masks 1, negative; the rows count
    up.
    """
    shapes = [(3, 16, 16), (1, 16, 16), (3, 16, 16), (3, 8, 8), (1, 8, 8), (3, 16, 16)]
    rows = torch.arange(5, dtype=torch.uint8)[:, None, None, None]
    return [rows.expand(5, *shape) + 10 * number for number, shape in enumerate(shapes)]


def test_each_output_gets_its_key(drawn: Any, sources: Sources) -> None:
    maker = BatchMaker(RECIPE, LoaderOptions())
    parts = tensors()
    batch = maker.batch(sources, parts)
    assert batch["views"] == (parts[0], parts[3])
    assert batch["masks"] is not None
    assert batch["weak"] is not None
    assert batch["cam_masks"] is not None
    assert batch["masks"][0] is not None
    assert torch.equal(batch["masks"][0], parts[1])
    assert batch["masks"][1] is None, "the second view asked for small ones only"
    assert batch["weak"] == (parts[2], None)
    assert batch["cam_masks"][0] is None
    assert batch["cam_masks"][1] is not None
    assert batch["cam_masks"][1].shape == (5, 2, 2)
    assert batch["masked"] is None
    assert batch["negative"] is parts[5]
    assert batch["label"].tolist() == [drawn.by_key(key).label for key in batch["key"]]
    assert batch["sample"].tolist() == list(range(5))
    assert torch.equal(batch["boxes"][:, 1], torch.from_numpy(sources.draws.views[1].box))


def test_negatives_by_photo_are_turned_to_their_queries(drawn: Any, sources: Sources) -> None:
    maker = BatchMaker(RECIPE, LoaderOptions())
    batch = maker.batch(sources, tensors(), by_photo=True)
    assert batch["negative"] is not None
    assert (batch["negative"][:, 0, 0, 0] - 50).tolist() == sources.draws.negatives[0].source.tolist()


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_batch_of_nothing_has_the_shapes_of_any_other(drawn: Any, channels_last: bool) -> None:
    options = LoaderOptions(output="float16", channels_last=channels_last)
    batch = BatchMaker(RECIPE, options).nothing()
    assert [tuple(view.shape) for view in batch["views"]] == [(0, 3, 16, 16), (0, 3, 8, 8)]
    assert batch["views"][0].dtype == torch.float16
    assert batch["masks"] is not None
    assert batch["masks"][0] is not None
    assert batch["masks"][0].shape == (0, 1, 16, 16)
    assert batch["boxes"].shape == (0, 2, 4)
    assert batch["key"] == []


@pytest.mark.parametrize(("size", "side"), [(224, 7), (8, 2), (12, 12)])
def test_a_mask_of_one_cell_is_one_there_and_zero_elsewhere(size: int, side: int) -> None:
    step, row, column = size // side, side - 1, side // 2
    masks = torch.zeros((1, 1, size, size), dtype=torch.uint8)
    masks[..., row * step : (row + 1) * step, column * step : (column + 1) * step] = 255
    expected = torch.zeros((1, side, side))
    expected[0, row, column] = 1
    assert torch.equal(shrink_masks(masks, side), expected)


@pytest.mark.parametrize(("size", "side"), [(224, 7), (40, 7), (10, 4), (5, 3)])
def test_small_masks_are_the_mean_over_each_cell(size: int, side: int) -> None:
    """Each pixel as a block of side x side equal ones, so that every cell is whole pixels."""
    masks = (torch.rand((3, 1, size, size), generator=torch.manual_seed(0)) < 0.4).byte() * 255
    fine = masks[:, 0].double().repeat_interleave(side, 1).repeat_interleave(side, 2) / 255
    expected = fine.reshape(3, side, size, side, size).mean(dim=(2, 4))
    torch.testing.assert_close(shrink_masks(masks, side).double(), expected, rtol=0, atol=1e-6)
