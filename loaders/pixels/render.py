"""A whole batch of views on a CPU: the function inside the CPU graph, with a thread pool of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..recipes.spec import IMAGENET_MEAN, Recipe, View
from ..sampling.draws import GREY, KEEP, colour_matrix
from . import draw_table, kernels
from .auto_augment import auto_augment
from .kernels import Picture
from .tiles import tile

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Row:
    """What one view of one row is made from: its row of the plan as a list, two colour maps, and pictures."""

    values: list[float]
    matrix: Matrix
    donor_matrix: Matrix
    photo: Picture
    mask: Picture | None
    donor: Picture | None
    lender: Picture | None


class Renderer:
    """Makes every output of a recipe from the decoded photos of a batch, a row of the plan at a time.

    cv2 and torch give up Python's lock while they work, so `threads` rows are made at once.

    Args:
        recipe: what to make.
        level: the smallest mask value that counts as foreground.
        threads: rows made at once.
        channels_last: pictures as (S, S, 3) instead of (3, S, S).
        reuse: let the next call overwrite the arrays of this one, for a caller that copies them, as DALI does.
    """

    def __init__(
        self, recipe: Recipe, level: int, *, threads: int = 1, channels_last: bool = False, reuse: bool = True
    ) -> None:
        self._views = draw_table.all_views(recipe)
        self._outputs = draw_table.outputs(recipe)
        self._level = level
        self._channels_last = channels_last
        self._threads = threads
        self._reuse = reuse
        self._buffers: tuple[NDArray[np.uint8], ...] = ()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="maskgen-views") if threads > 1 else None

    def lists(self, *inputs: Any) -> Any:
        """`render` as a python_function: lists of arrays, and a single output is no tuple."""
        made = tuple(list(array) for array in self.render(*inputs))
        return made if len(made) > 1 else made[0]

    def render(
        self,
        photos: Sequence[Picture],
        rows: Sequence[NDArray[np.float32]],
        masks: Sequence[Picture] | None = None,
        donors: Sequence[Picture] | None = None,
    ) -> tuple[NDArray[np.uint8], ...]:
        """The outputs of `draw_table.outputs`, each of B rows: (B, 1, S, S) masks, and pictures as the options say.

        Args:
            photos: B (H, W, 3) uint8 RGB.
            rows: B rows (V, 37) of the plan.
            masks: B (128, 128) uint8 soft masks, when the recipe needs them.
            donors: B (h, w, 3) uint8 RGB backgrounds, when the recipe needs them; what no row shows may be anything.
        """
        batch = np.stack(rows)
        listed = batch.tolist()
        matrices = _matrices(batch[..., draw_table.COLOUR])
        donor_matrices = _matrices(batch[..., draw_table.BG_COLOUR]) if donors is not None else matrices
        made = self._made(len(photos))

        def make(numbers: Iterator[int]) -> None:
            for number in numbers:
                targets = iter(made)
                for index, view in enumerate(self._views):
                    values = listed[number][index]
                    source, donor = int(values[draw_table.SOURCE]), int(values[draw_table.DONOR])
                    row = _Row(
                        values,
                        matrices[number, index],
                        donor_matrices[number, index],
                        photos[source],
                        masks[source] if masks is not None else None,
                        donors[donor] if donors is not None and donor >= 0 else None,
                        photos[donor] if donors is not None and donor >= 0 else None,
                    )
                    for picture in self._view(view, row):
                        self._store(picture, next(targets)[number])

        self._spread(make, len(photos))
        return made

    def _spread(self, make: Any, count: int) -> None:
        numbers = iter(range(count))  # shared: each thread takes the next row when it is done with one
        if self._pool is None:
            make(numbers)
            return
        for done in [self._pool.submit(make, numbers) for _ in range(min(self._threads, count))]:
            done.result()

    def _view(self, view: View, row: _Row) -> Iterator[NDArray[Any]]:
        """The outputs of one view in the order of `plan.outputs`."""
        region, place = row.values[draw_table.ROI], view.background.place
        replaced = row.values[draw_table.KIND] != KEEP
        whole = view.masks or view.cam_masks or view.masked
        soft = mask = _NOTHING
        if row.mask is not None and (replaced or whole):
            soft = kernels.cut_mask(row.mask, region, view.size)
            mask = kernels.hard(soft, self._level)
        image = weak = kernels.cut(row.photo, region, view.size)
        if replaced and place == "before":
            image = self._replace(view, row, image, (soft, mask))
        image = _photometric(view, row, image)
        if replaced and place == "after":
            image = self._replace(view, row, image, (soft, mask))
        yield image
        if view.masks or view.cam_masks:
            yield mask
        if view.weak:
            yield weak
        if view.masked:
            yield kernels.compose(image, np.full_like(image, IMAGENET_MEAN), mask)

    def _replace(self, view: View, row: _Row, image: Picture, masks: tuple[Picture, Picture]) -> Picture:
        """The image on another background; `masks` are its soft and its hard mask."""
        values, softness = row.values, view.background.softness
        if values[draw_table.KIND] == GREY or row.donor is None or row.lender is None:
            background = np.full_like(image, int(values[draw_table.GREY]))
        else:
            picture = _background(
                row.lender, row.donor, values[draw_table.BG_PLACE], values[draw_table.BG_STRIP]
            )
            background = kernels.cut(picture, values[draw_table.BG_ROI], view.size)
            background = kernels.photometric(
                background, _colours(values, draw_table.BG_COLOUR, row.donor_matrix), values[draw_table.BG_SIGMA],
                values[draw_table.BG_SOLARISE], view.photometric.solarise_threshold,
            )  # fmt: skip
        if softness:
            return kernels.blend(image, background, masks[0], self._level, softness)
        return kernels.compose(image, background, masks[1])

    def _store(self, picture: NDArray[Any], target: NDArray[Any]) -> None:
        if picture.ndim == 3 and not self._channels_last:
            cv2.split(picture, [target[0], target[1], target[2]])
        else:
            target[...] = picture

    def _made(self, count: int) -> tuple[NDArray[np.uint8], ...]:
        """Arrays for the outputs; with `reuse` the same in every call, as new ones cost a page fault for each 4 KiB."""
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


def _background(photo: Picture, stored: Picture, place: list[float], strip: list[float]) -> Picture:
    """The whole background of a photo, from what is stored of it or, where there is a strip, from the photo alone."""
    if any(strip):
        return tile(photo, kernels.pixel_box(photo, place), kernels.pixel_box(photo, strip))
    return stored if place == [0.0, 0.0, 1.0, 1.0] else kernels.paste(photo, stored, place)


_NOTHING = np.zeros((1, 1), np.uint8)


def _photometric(view: View, row: _Row, image: Picture) -> Picture:
    values = row.values
    if values[draw_table.POLICY] >= 0:
        return auto_augment(
            image, int(values[draw_table.POLICY]), np.array(values[draw_table.POLICY_U], np.float32)
        )
    matrix = _colours(values, draw_table.COLOUR, row.matrix)
    threshold = view.photometric.solarise_threshold
    return kernels.photometric(
        image, matrix, values[draw_table.SIGMA], values[draw_table.SOLARISE], threshold
    )


def _colours(values: list[float], columns: slice, matrix: Matrix) -> Matrix | None:
    """The colour map, or None where it would change nothing."""
    return None if values[columns] == [1.0, 1.0, 1.0, 0.0] else matrix


def _matrices(colours: NDArray[np.float32]) -> Matrix:
    return colour_matrix(colours.reshape(-1, 4)).reshape(*colours.shape[:-1], 3, 4)
