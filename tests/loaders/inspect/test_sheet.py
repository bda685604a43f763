"""A batch as a picture: its cells against the batch, its captions against what is seen."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_kit import draw_smooth_photos, fill_shards

pytest.importorskip("torch", reason="views are torch tensors")
from maskgen.drawing.grid import COLORS, Cell
from maskgen.loaders import (
    NO_PHOTOMETRIC,
    RECIPES,
    Background,
    Crop,
    MaskReader,
    Negative,
    Recipe,
    View,
    open_dataset,
)
from maskgen.loaders.inspect.sheet import first_batch, views_grid
from maskgen.loaders.reading.samples import SampleReader

pytestmark = pytest.mark.slow  # its fixtures are


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos of smooth colours, each its own, in shards of both layouts."""
    folder = tmp_path_factory.mktemp("views")
    draw_smooth_photos(folder)
    fill_shards(folder)
    return folder


def grid(
    path: Path, recipe: Recipe, rows: int, seed: int = 0
) -> tuple[list[str], list[list[Cell]], SampleReader]:
    batch, reader = first_batch(open_dataset(path), recipe, rows, seed)
    columns, cells = views_grid(batch, recipe, reader, seed=seed, cell=224)
    return [column.title for column in columns], cells, reader


def test_the_photos_carry_their_crops_and_masks(folder: Path) -> None:
    recipe = RECIPES["swav"]
    batch, reader = first_batch(open_dataset(folder / "full"), recipe, 5, 0)
    _, cells = views_grid(batch, recipe, reader, seed=0, cell=400)
    masks = MaskReader(folder / "full")
    for row, (key, boxes) in enumerate(zip(batch["key"], batch["boxes"].tolist(), strict=True)):
        photo, mask = cells[row][0].picture, cells[row][1].picture
        height, width = photo.shape[:2]
        y0, x0, tall, wide = boxes[-1]  # drawn over the others
        corners = [(y0, x0), (y0 + tall, x0), (y0, x0 + wide), (y0 + tall, x0 + wide)]
        for y, x in corners:
            row_px, column_px = round(y * height), round(x * width)
            near = photo[max(row_px - 2, 0) : row_px + 2, max(column_px - 2, 0) : column_px + 2]
            assert (near == COLORS[7]).all(axis=-1).any()
        middle = photo[round((y0 + tall / 2) * height), round((x0 + wide / 2) * width)]
        assert middle.tolist() != list(COLORS[7])
        stored = cv2.resize(masks[key], (width, height), interpolation=cv2.INTER_LINEAR)
        assert ((mask[..., 0] >= 128) == (stored >= 128)).mean() > 0.97
        assert cells[row][0].caption == f"{row}: {key}"


def test_a_grey_caption_names_the_level_that_is_seen(folder: Path) -> None:
    recipe = Recipe(views=(View(background=Background(replace="grey", p=0.5)),))
    titles, cells, _ = grid(folder / "full", recipe, 10)
    assert titles == ["photo, crops", "its mask", "view 0, 224 px"]
    found = [re.search(r"grey (\d+)$", row[2].caption) for row in cells]
    assert {match is None for match in found} == {True, False}
    for match, row in zip(found, cells, strict=True):
        levels, counts = np.unique(row[2].picture.reshape(-1, 3), axis=0, return_counts=True)
        most = levels[counts.argmax()]
        assert (counts.max() > 0.2 * 224**2) == (match is not None)
        if match:
            assert most.tolist() == [int(match[1])] * 3


def whole(**options: object) -> View:
    crop = Crop(scale=(1.0, 1.0), ratio=(0.5, 2.0))
    return View(crop=crop, photometric=NO_PHOTOMETRIC, flip_p=0.0, **options)  # type: ignore[arg-type]


def test_donor_captions_name_the_row_whose_background_is_seen(folder: Path) -> None:
    recipe = Recipe(views=(whole(background=Background(replace="donor", p=1.0), masks=True),))
    titles, cells, reader = grid(folder / "full", recipe, 10)
    assert titles[2:] == ["view 0, 224 px", "mask 0"]
    batch, _ = first_batch(open_dataset(folder / "full"), recipe, 10, 0)
    for row in cells:
        donor = int(re.fullmatch(r"fg \d+% donor (\d+)", row[2].caption)[1])  # type: ignore[index]
        encoded = reader.encoded(int(batch["sample"][donor]), "bg.jpg")
        picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
        y0, x0, tall, wide = batch["boxes"][donor, 0].numpy() * (*picture.shape[:2], *picture.shape[:2])
        cut = picture[round(y0) : round(y0 + tall), round(x0) : round(x0 + wide)]
        expected = cv2.resize(cut, (224, 224), interpolation=cv2.INTER_AREA).astype(int)
        outside = row[3].picture[..., 0] == 0
        assert outside.mean() > 0.2
        assert np.abs(row[2].picture.astype(int) - expected)[outside].mean() < 6


def test_captions_count_the_foreground_and_the_flips(folder: Path) -> None:
    recipe = Recipe(views=(View(crop=Crop(scale=(0.1, 0.4))),))
    _, cells, _ = grid(folder / "full", recipe, 10)
    batch, _ = first_batch(open_dataset(folder / "full"), recipe, 10, 0)
    masks = MaskReader(folder / "full")
    for number, row in enumerate(cells):
        mask = masks[batch["key"][number]] / 255
        y0, x0, tall, wide = batch["boxes"][number, 0].numpy() * (*mask.shape, *mask.shape)
        inside = mask[round(y0) : round(y0 + tall), round(x0) : round(x0 + wide)].sum() / mask.sum()
        share, flipped = re.fullmatch(r"fg (\d+)%( flip)?", row[2].caption).groups()  # type: ignore[union-attr]
        assert int(share) == pytest.approx(100 * inside, abs=4)
        assert bool(flipped) == bool(batch["flips"][number, 0])


def test_negative_captions_name_the_row_of_their_photo(folder: Path) -> None:
    plain = whole()
    recipe = Recipe(views=(plain, plain), negative=Negative(p=0.0, view=plain))
    titles, cells, _ = grid(folder / "full", recipe, 6)
    assert titles[-1] == "negative of view 0"
    for row in cells:
        source = int(re.fullmatch(r"photo (\d+)", row[-1].caption)[1])  # type: ignore[index]
        assert (row[-1].picture == cells[source][2].picture).all()


def test_every_output_has_a_column(folder: Path) -> None:
    assert grid(folder / "full", RECIPES["cast"], 2)[0][2:] == [
        "view 0, 224 px",
        "cam mask 0",
        "view 1, 224 px",
        "cam mask 1",
        "masked 1",
    ]
    titles, cells, _ = grid(folder / "full", RECIPES["msr"], 2)
    assert titles[2:] == ["view 0, 224 px", "weak 0", "view 1, 224 px", "weak 1"]
    _, cells, _ = grid(folder / "full", RECIPES["relicv2"], 2)
    assert [cell.picture.shape[0] for cell in cells[0][2:]] == [224] * 4 + [96] * 2
