"""A batch as a picture for people: each photo with its crops, and every output that a trainer gets of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskgen.drawing.contact_sheet import CELL
from maskgen.drawing.grid import COLORS, Cell, Column, outline, render_grid, resize_picture
from maskgen.errors import EnvironmentFault
from maskgen.io.images.stored import decode_photo
from maskgen.shards import naming
from maskgen.types import RGB

from ..batch import Batch
from ..dali.loader import DaliLoader
from ..reading.buffers import Small
from ..reading.samples import SampleReader
from ..recipes.spec import Negative, Recipe, View
from ..sampling.corruption import corrupt_each
from ..sampling.crops import by_view, covered
from ..sampling.draws import BatchDraws, draw
from ..sampling.view_draws import DONOR, GRAY
from ..torch.loader import TorchLoader

if TYPE_CHECKING:
    from torch import Tensor

    from ..dataset.dataset import Dataset

_NARROWEST = 96  # px, for a caption


def first_batch(dataset: Dataset, recipe: Recipe, rows: int, seed: int) -> tuple[Batch, SampleReader]:
    """The first batch of epoch 0, uint8 on the CPU, through DALI if it is installed, else through torch.

    Args:
        dataset: with at least one sample.
        recipe: what is made of each photo.
        rows: the batch's size; as many as there are samples, if they are fewer.
        seed: of the order and of all draws.

    Returns:
        The batch, and a reader of its samples; damaged ones are replaced.

    Raises:
        EnvironmentFault: torch is not installed.
        UsageError: the data set lacks a member that the recipe needs.
    """
    count = min(rows, dataset.samples)
    try:
        loader: DaliLoader | TorchLoader = DaliLoader(
            dataset, count, recipe=recipe, seed=seed, on_error="skip", prefetch=1
        )
    except EnvironmentFault:
        loader = TorchLoader(dataset, count, recipe=recipe, seed=seed, on_error="skip", prefetch=1)
    try:
        return next(iter(loader)), loader.reader
    finally:
        loader.close()


def views_sheet(batch: Batch, recipe: Recipe, reader: SampleReader, *, seed: int, cell: int = CELL) -> RGB:
    """The grid of `views_grid` as a picture, (H, W, 3) uint8 RGB; arguments as there."""
    return render_grid(*views_grid(batch, recipe, reader, seed=seed, cell=cell), cell)


def views_grid(
    batch: Batch, recipe: Recipe, reader: SampleReader, *, seed: int, cell: int = CELL
) -> tuple[list[Column], list[list[Cell]]]:
    """A row for each photo of the first epoch's batch.

    The photo with its crops, its mask, and all that is made of it.

    Captions: the share of the photo's foreground that a crop holds; ``flip``; ``grey LEVEL`` or ``donor ROW``
    for a replaced background; of a negative, the row of its photo, and ``matched`` where it stands on the
    background of the row's first view.

    Args:
        batch: with uint8 pictures.
        recipe: what the batch was made by.
        reader: of the data set, for photos and masks.
        seed: of the draws.
        cell: side of the largest view in the picture, px; the others are smaller in proportion.

    Returns:
        The columns, and the rows of cells.
    """
    samples = batch["sample"].numpy()
    stored = small = reader.small(samples)
    if recipe.corruption is not None:
        level, uses = reader.dataset.level, len(recipe.all_views)
        small = corrupt_each(recipe.corruption, stored, samples, seed=seed, epoch=0, level=level, uses=uses)
    lends = stored.sat[:, -1, -1] > 0
    draws = draw(recipe, small.sat, small.meta, samples, seed=seed, epoch=0, lends=lends)
    outputs = list(_outputs(recipe, batch, draws, small, cell))
    columns = [Column("photo, crops", cell), Column("its mask", cell), *(output.column for output in outputs)]
    rows = [
        [*_source_cells(reader, stored, batch, row, cell), *(output.cell(row) for output in outputs)]
        for row in range(len(samples))
    ]
    return columns, rows


@dataclass(frozen=True, slots=True)
class _Output:
    """One output of every row."""

    column: Column
    cell: Callable[[int], Cell]


def _source_cells(reader: SampleReader, small: Small, batch: Batch, row: int, cell: int) -> tuple[Cell, Cell]:
    photo = decode_photo(reader.encoded(int(batch["sample"][row]), naming.PHOTO).tobytes())
    height, width = small.meta["size"][row].tolist()
    scale = cell / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    shown = resize_picture(photo, size)
    for view, box in enumerate(batch["boxes"][row].tolist()):
        outline(shown, box, COLORS[view % len(COLORS)])
    mask = resize_picture(np.repeat(small.fg[row][..., None], 3, axis=2), size)
    return Cell(shown, f"{row}: {batch['key'][row]}"), Cell(mask)


def _outputs(recipe: Recipe, batch: Batch, draws: BatchDraws, small: Small, cell: int) -> Iterator[_Output]:
    scale = cell / max(view.size for view in recipe.views)
    sat, _ = by_view(small.sat[:, : len(recipe.views)] if recipe.corruption else small.sat, small.meta)
    held = covered(sat, np.stack([view.box for view in draws.views], axis=1))
    for number, view in enumerate(recipe.views):
        color, side = COLORS[number % len(COLORS)], max(1, round(view.size * scale))
        width = max(side, _NARROWEST)
        captions = [_caption(draws, number, row, float(share)) for row, share in enumerate(held[:, number])]
        pictures = _pictures(batch["views"][number])
        yield _Output(
            Column(f"view {number}, {view.size} px", width, color), _cells(pictures, side, captions)
        )
        for name, parts in (
            ("weak", batch["weak"]),
            ("mask", batch["masks"]),
            ("cam mask", batch["cam_masks"]),
            ("masked", batch["masked"]),
            ("kept", batch["kept"]),
        ):
            tensor = parts[number] if parts is not None else None
            if tensor is not None:
                yield _Output(Column(f"{name} {number}", width, color), _cells(_pictures(tensor), side))
    if batch["negative"] is not None:
        side = max(1, round(recipe.views[0].size * scale))
        width = max(side, _NARROWEST)
        of = recipe.negative.background_of if recipe.negative is not None else 0
        title = "negative of view 0" + (f", bg of view {of}" if of else "")
        extra = batch["negative"] if batch["negative"].ndim == 5 else batch["negative"][:, None]
        for number in range(extra.shape[1]):
            yield _Output(
                Column(title, width, COLORS[of % len(COLORS)]),
                _negatives(batch, extra[:, number], number, side),
            )


def _caption(draws: BatchDraws, view: int, row: int, held: float) -> str:
    drawn = draws.views[view]
    words = [f"fg {held:.0%}"]
    words += ["flip"] if drawn.flip[row] else []
    words += [f"grey {drawn.gray[row]}"] if drawn.kind[row] == GRAY else []
    words += [f"donor {drawn.donor[row]}"] if drawn.kind[row] == DONOR else []
    return " ".join(words)


def _cells(
    pictures: NDArray[np.uint8], side: int, captions: list[str] | None = None
) -> Callable[[int], Cell]:
    def cell(row: int) -> Cell:
        return Cell(resize_picture(pictures[row], (side, side)), captions[row] if captions else "")

    return cell


def _negatives(batch: Batch, negative: Tensor, number: int, side: int) -> Callable[[int], Cell]:
    pictures, sources, matches = _pictures(negative), batch["negative_source"], batch["matched"]
    assert sources is not None and matches is not None  # noqa: S101, PT018 - they come with the negative
    source, matched = (part.reshape(len(part), -1)[:, number] for part in (sources, matches))

    def cell(row: int) -> Cell:
        on_its_own = not bool(matched[row])
        caption = f"photo {int(source[row])}{'' if on_its_own else ', matched'}"
        return Cell(resize_picture(pictures[row], (side, side)), caption, marked=not on_its_own)

    return cell


def _pictures(tensor: Tensor) -> NDArray[np.uint8]:
    """(B, 3, S, S) or (B, 1, S, S) uint8, or (B, k, k) float32 in [0, 1], as (B, S, S, 3) uint8."""
    if tensor.is_floating_point():
        tensor = (tensor * 255).round().byte()[:, None]
    pictures = tensor.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
    return np.ascontiguousarray(pictures.numpy())


def describe(recipe: Recipe) -> str:
    """A recipe in one line: its views with their crops, backgrounds and extra outputs."""
    alike = Counter(_words(view) for view in recipe.views)
    parts = [f"{count} x {words}" for words, count in alike.items()]
    if recipe.negative is not None:
        parts.append(_negative_words(recipe.negative))
    return "; ".join(parts)


def _negative_words(law: Negative) -> str:
    words = "a negative" if law.count == 1 else f"{law.count} negatives"
    words += f", matched with p {law.p:g}"
    words += f" to view {law.background_of}" if law.background_of else ""
    words += ", by that view's coin" if law.coupled else ""
    return words + (f", formula {law.formula}" if law.formula != "prose" else "")


def _words(view: View) -> str:
    crop, behind = view.crop, view.background
    low, high = crop.scale
    area = f"centered {crop.centered:g}" if crop.centered else f"area {low:g}-{high:g}"
    words = [f"{view.size} px", area if low < 1 or crop.centered else "whole"]
    words += [f"fg_min {crop.fg_min:g}"] if crop.fg_min else []
    words += [f"also within view {crop.fg_within}"] if crop.fg_within is not None else []
    words += [f"over view {crop.overlap_of}"] if crop.overlap_of is not None else []
    if behind.p:
        early = " before the colors" if behind.place == "before" else ""
        kind = "one-color" if behind.color else behind.replace
        words.append(f"{kind if kind != 'donor' else 'another'} background p {behind.p:g}{early}")
    extra = {"mask": view.masks, f"cam mask {view.cam_masks}": view.cam_masks, "weak": view.weak}
    extra |= {"masked": view.masked, "kept": view.kept}
    words += [f"+ {name}" for name, given in extra.items() if given]
    words += [f"within view {view.masks_within}"] if view.masks_within is not None else []
    return " ".join(words)
