"""A whole batch of views on a CPU: the function inside the CPU graph, with a thread pool of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..recipes.parts import IMAGENET_MEAN
from ..recipes.spec import Recipe, View
from ..sampling.photometric import color_matrix
from ..sampling.view_draws import DONOR, GRAY, PASTE
from . import draw_table, kernels
from .auto_augment import auto_augment
from .color_jitter import color_jitter, grayscale
from .draw_table import DrawTable
from .kernels import Picture
from .tiles import tile

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Row:
    """What one view of one row is made from: its draws, two color maps, and pictures.

    `fill` is the color of a background of one color, None for a gray level; `query`, for a negative that is
    made of two views, the finished view of its query and that view's soft mask.
    """

    draws: np.void
    matrix: Matrix
    donor_matrix: Matrix
    photo: Picture
    mask: Picture | None
    donor: Picture | None
    donor_photo: Picture | None
    fill: tuple[int, ...] | None
    query: tuple[Picture, Picture] | None = None


class Renderer:
    """Makes every output of a recipe from the decoded photos of a batch, a row at a time.

    cv2 and torch give up Python's lock while they work, so `threads` rows are made at once.

    Args:
        recipe: what to make.
        level: the smallest mask value that counts as foreground.
        threads: rows made at once.
        channels_last: pictures as (S, S, 3) instead of (3, S, S).
        reuse: let the next call overwrite the arrays of this one, for a caller that copies them, as DALI
            does.
    """

    def __init__(
        self, recipe: Recipe, level: int, *, threads: int = 1, channels_last: bool = False, reuse: bool = True
    ) -> None:
        self._views = recipe.all_views
        self._negative = recipe.negative
        self._fills = [draw_table.fill_color(recipe, index) for index in range(len(self._views))]
        self._outputs = draw_table.outputs(recipe)
        self._level = level
        self._channels_last = channels_last
        self._threads = threads
        self._reuse = reuse
        self._buffers: tuple[NDArray[np.uint8], ...] = ()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="maskgen-views") if threads > 1 else None

    def lists(self, *inputs: Any) -> Any:
        """`render` as a python_function: draws as floats, lists of arrays, a single output is no tuple."""
        photos, rows, *others = inputs
        arrays = self.render(photos, draw_table.from_floats(np.stack(rows)), *others)
        made: tuple[list[Any], ...] = tuple(list(array) for array in arrays)
        return made if len(made) > 1 else made[0]  # pyright: ignore[reportGeneralTypeIssues]

    def render(
        self,
        photos: Sequence[Picture],
        table: DrawTable,
        masks: Sequence[Picture] | None = None,
        donors: Sequence[Picture] | None = None,
    ) -> tuple[NDArray[np.uint8], ...]:
        """The outputs of `draw_table.outputs`, each of B rows.

        Masks are (B, 1, S, S), pictures (B, 3, S, S), or (B, S, S, 3) with `channels_last`; all uint8.

        Args:
            photos: B (H, W, 3) uint8 RGB.
            table: (B, V) draws.
            masks: B (128, 128) uint8 soft masks, when the recipe needs them; (V, 128, 128), one for each
                view, when it corrupts them.
            donors: B (h, w, 3) uint8 RGB backgrounds, when the recipe needs them; what no row shows may be
                anything.
        """
        matrices = _matrices(table["color"])
        donor_matrices = _matrices(table["bg_color"]) if donors is not None else matrices
        made = self._made(len(photos))

        def make(numbers: Iterator[int]) -> None:
            for number in numbers:
                targets = iter(made)
                finished: list[Picture] = []
                for index, view in enumerate(self._views):
                    draws = table[number, index]
                    source, donor = int(draws["source"]), int(draws["donor"])
                    row = _Row(
                        draws,
                        matrices[number, index],
                        donor_matrices[number, index],
                        photos[source],
                        _mask(masks[source], index) if masks is not None else None,
                        donors[donor] if donors is not None and donor >= 0 else None,
                        photos[donor] if donors is not None and donor >= 0 else None,
                        self._fills[index],
                        self._query(table[number], finished, masks[number])
                        if masks is not None and draws["kind"] == PASTE
                        else None,
                    )
                    for place, picture in enumerate(self._view(view, row)):
                        if not place:
                            finished.append(picture)
                        self._store(picture, next(targets)[number])

        self._spread(make, len(photos))
        return made

    def _query(self, table: DrawTable, finished: list[Picture], masks: Picture) -> tuple[Picture, Picture]:
        """The view that a row's negatives are made with, and its soft mask."""
        of = self._negative.background_of if self._negative is not None else 0
        region, size = table[of]["roi"].tolist(), self._views[of].size
        return finished[of], kernels.cut_mask(_mask(masks, of), region, size)

    def _spread(self, make: Any, count: int) -> None:
        numbers = iter(range(count))  # shared: each thread takes the next row when it is done with one
        if self._pool is None:
            make(numbers)
            return
        for done in [self._pool.submit(make, numbers) for _ in range(min(self._threads, count))]:
            done.result()

    def _view(self, view: View, row: _Row) -> Iterator[NDArray[Any]]:
        """The outputs of one view in the order of `draw_table.outputs`."""
        region, place = row.draws["roi"].tolist(), view.background.place
        replaced = row.draws["kind"] in (GRAY, DONOR)
        whole = view.masks or view.cam_masks or view.masked
        soft = mask = _NOTHING
        if row.mask is not None and (replaced or whole):
            soft = kernels.cut_mask(row.mask, region, view.size)
            mask = kernels.hard(soft, self._level)
        image = weak = kernels.cut(row.photo, region, view.size)
        if replaced and place == "before":
            image = self._replace(view, row, image, (soft, mask))
        image = kept = _photometric(view, row, image)
        if replaced and place == "before" and view.kept:
            kept = _photometric(view, row, weak)
        if replaced and place == "after":
            image = self._replace(view, row, image, (soft, mask))
        yield image if row.query is None else self._paste(view, image, row.query)
        if view.masks_within is not None:
            mask = kernels.keep_inside(mask, row.draws["mask_box"].tolist())
        if view.masks or view.cam_masks:
            yield mask
        if view.weak:
            yield weak
        if view.masked:
            yield kernels.compose(image, np.full_like(image, IMAGENET_MEAN), mask)
        if view.kept:
            yield kept

    def _paste(self, view: View, image: Picture, query: tuple[Picture, Picture]) -> Picture:
        """A finished negative made of its own view and its query's, by the formula."""
        other, soft = query
        hole = self._negative is not None and self._negative.formula == "hole"
        front, behind = (image, other.copy()) if hole else (other, image)
        return self._composite(view, front, behind, (soft, kernels.hard(soft, self._level)))

    def _replace(self, view: View, row: _Row, image: Picture, masks: tuple[Picture, Picture]) -> Picture:
        """The image on another background; `masks` are its soft and its hard mask."""
        draws = row.draws
        if draws["kind"] == GRAY or row.donor is None or row.donor_photo is None:
            background = np.full_like(image, int(draws["gray"]) if row.fill is None else row.fill)
        else:
            background = _background(row.donor_photo, row.donor, draws, view.size)
            background = _chain(view, row, background, row.donor_matrix, "bg_")
        return self._composite(view, image, background, masks)

    def _composite(
        self, view: View, image: Picture, background: Picture, masks: tuple[Picture, Picture]
    ) -> Picture:
        if view.background.softness:
            return kernels.blend(image, background, masks[0], self._level, view.background.softness)
        return kernels.compose(image, background, masks[1])

    def _store(self, picture: NDArray[Any], target: NDArray[Any]) -> None:
        if picture.ndim == 3 and not self._channels_last:
            cv2.split(picture, [target[0], target[1], target[2]])
        else:
            target[...] = picture

    def _made(self, count: int) -> tuple[NDArray[np.uint8], ...]:
        """Arrays for the outputs; with `reuse` the old ones, as new ones cost a page fault per 4 KiB."""
        if not self._reuse:
            return tuple(self._empty(output, count) for output in self._outputs)
        if not self._buffers or len(self._buffers[0]) < count:
            self._buffers = tuple(self._empty(output, count) for output in self._outputs)
        return tuple(buffer[:count] for buffer in self._buffers)

    def _empty(self, output: draw_table.Output, count: int) -> NDArray[np.uint8]:
        size = self._views[output.view].size
        if output.name == "masks":
            return np.empty((count, 1, size, size), np.uint8)
        shape = (count, size, size, 3) if self._channels_last else (count, 3, size, size)
        return np.empty(shape, np.uint8)


def _background(photo: Picture, stored: Picture, draws: np.void, size: int) -> Picture:
    """The crop of a photo's background: of what is stored of it, or by a strip of the photo alone."""
    roi, place, strip = (draws[name].tolist() for name in ("bg_roi", "bg_place", "bg_strip"))
    if any(strip):  # no more of it than the crop shows
        region, source = kernels.pixel_box(photo, place), kernels.pixel_box(photo, strip)
        shown = tile(photo, region, source, kernels.crop_box(photo, roi))
        return kernels.resize(shown, size, flip=roi[1] > roi[3])
    whole = stored if place == [0.0, 0.0, 1.0, 1.0] else kernels.paste(photo, stored, place)
    return kernels.cut(whole, roi, size)


def _mask(masks: Picture, view: int) -> Picture:
    return masks[view] if masks.ndim == 3 else masks


_NOTHING = np.zeros((1, 1), np.uint8)


def _photometric(view: View, row: _Row, image: Picture) -> Picture:
    """The photometric chain, or AutoAugment in its place."""
    policy = int(row.draws["policy"])
    if policy >= 0:
        return auto_augment(image, policy, row.draws["policy_u"])
    return _chain(view, row, image, row.matrix, "")


def _chain(view: View, row: _Row, image: Picture, matrix: Matrix, prefix: str) -> Picture:
    """Colors, blur and solarize; the fields of the draws begin with `prefix`."""
    draws, color = row.draws, row.draws[f"{prefix}color"].tolist()
    if view.photometric.jitter_mode == "torchvision":
        image, same = _jitter(draws, image, color, prefix), True
    else:
        same = color == _SAME
    sigma, solarize = float(draws[f"{prefix}sigma"]), float(draws[f"{prefix}solarize"])
    threshold = view.photometric.solarize_threshold
    return kernels.photometric(image, None if same else matrix, sigma, solarize, threshold)


_SAME = [1.0, 1.0, 1.0, 0.0]


def _jitter(draws: np.void, image: Picture, color: list[float], prefix: str) -> Picture:
    """The colors in torchvision's way, step by step."""
    if color != _SAME:
        order = [int(step) for step in draws[f"{prefix}order"].tolist()]
        image = color_jitter(image, (*color[:3], color[3] / 360), order)
    return grayscale(image) if draws[f"{prefix}grayscale"] else image


def _matrices(colors: NDArray[np.float32]) -> Matrix:
    return color_matrix(colors.reshape(-1, 4)).reshape(*colors.shape[:-1], 3, 4)
