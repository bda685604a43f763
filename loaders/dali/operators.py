"""One view made of DALI's own operators, for a GPU or a CPU. Importing this module imports DALI."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import fn as dali_fn
from nvidia.dali import math as dali_math
from nvidia.dali import types as dali_types

from ..pixels.auto_augment import auto_augment
from ..pixels.draw_table import columns
from ..recipes.parts import IMAGENET_MEAN
from ..recipes.spec import View
from ..sampling.view_draws import DONOR, GRAY, PASTE
from .color_jitter import Jitter, color_jitter

# DALI's own annotations know neither its element types nor half of its return types.
fn: Any = dali_fn
math: Any = dali_math
types: Any = dali_types


class ViewGraph:
    """The part of a graph that makes one view; DALI's conditionals must be on where it is used.

    Args:
        view: what to make.
        row: its draws, a (52,) float32 node on the CPU.
        kinds: what may take the background's place, see `draw_table.kinds`.
        fill: (R, G, B), 0..255, of a background of one color; None where that is a gray level.
        level: the smallest mask value that counts as foreground.
        gpu: whether pictures are on the GPU.
    """

    def __init__(
        self,
        view: View,
        row: Any,
        *,
        kinds: frozenset[int],
        fill: tuple[int, ...] | None,
        level: int,
        gpu: bool,
    ) -> None:
        self._view = view
        self._row = row
        self._kinds = kinds
        self._fill = fill
        self._level = level
        self._gpu = gpu
        self._encoded: Any = None
        self._donor_photo: Any = None
        self._formula = ""
        self._query: Any = None
        self._query_mask: Any = None

    def set_query(self, formula: str, finished: Any, mask: Any, row: Any) -> None:
        """Give the view that a negative is made with: how, its pictures, the photos' masks, its draws."""
        here = fn.cast(self._row[columns("query").start], dtype=types.INT32)
        soft = _cut(mask, row[columns("roi")], self._view.size)
        self._formula = formula
        self._query = fn.permute_batch(finished, indices=here)
        self._query_mask = fn.permute_batch(soft, indices=here)

    def set_backgrounds(self, encoded: Any, photo: Any) -> None:
        """Give the encoded backgrounds, and the batch's photos where the backgrounds are patches of them."""
        self._encoded = encoded
        if photo is not None:
            other = fn.cast(math.max(self._row[columns("donor").start], 0.0), dtype=types.INT32)
            self._donor_photo = fn.permute_batch(photo, indices=other)

    def outputs(self, photo: Any, mask: Any) -> list[Any]:
        """The outputs of `draw_table.outputs` of this view, each (S, S, channels)."""
        view, row = self._view, self._row
        weak = image = _cut(photo, row[columns("roi")], view.size)
        whole = view.masks or view.cam_masks or view.masked
        hard = self._hard(_cut(mask, row[columns("roi")], view.size)) if whole else None
        if view.masks_within is not None:
            hard = _inside(hard, row[columns("mask_box")], view.size)
        if view.background.place == "before":
            image = self._replace(image, mask)
        image = self._photometric(image)
        if view.photometric.auto_augment_p:
            image = self._auto_augment(image)
        kept = image
        if view.kept and view.background.place == "before" and self._kinds:
            kept = self._photometric(weak)
            if view.photometric.auto_augment_p:
                kept = self._auto_augment(kept)
        if view.background.place == "after":
            image = self._replace(image, mask)
        if PASTE in self._kinds:
            image = self._pasted(image)
        made = [image]
        if view.masks or view.cam_masks:
            made.append(hard)
        if view.weak:
            made.append(weak)
        if view.masked:
            made.append(_compose(image, self._constant([[IMAGENET_MEAN]]), hard))
        if view.kept:
            made.append(kept)
        return made

    def _photometric(self, image: Any, prefix: str = "") -> Any:
        """Colors, blur and solarize; the fields of the draws begin with `prefix`."""
        row, chain = self._row, self._view.photometric
        if chain.jitter_p or chain.gray_p:
            image = self._color(image, prefix)
        if chain.blur_p:
            width = row[columns(f"{prefix}sigma").start]
            if width > 0.0:
                image = fn.gaussian_blur(image, sigma=width)
        if chain.solarize_p:
            invert = row[columns(f"{prefix}solarize").start] > 0.0
            if invert:
                bright = fn.cast(image >= chain.solarize_threshold, dtype=types.UINT8)
                image = image ^ (bright * self._constant(255))
        return image

    def _color(self, image: Any, prefix: str) -> Any:
        if self._view.photometric.jitter_mode == "torchvision":
            return color_jitter(image, Jitter(self._row, prefix, self._gpu))
        first, names = columns(f"{prefix}color").start, ("brightness", "contrast", "saturation", "hue")
        factors = {name: self._row[first + place] for place, name in enumerate(names)}
        return fn.color_twist(image, **factors)

    def _auto_augment(self, image: Any) -> Any:
        """On the CPU also in a GPU's graph: some of its operations exist nowhere in DALI."""
        row = self._row
        if row[columns("policy").start] >= 0.0:
            there = image.cpu() if self._gpu else image
            done = fn.python_function(there, row, function=_augmented, num_outputs=1)
            done = fn.reshape(done, layout="HWC")
            image = done.gpu() if self._gpu else done
        return image

    def _replace(self, image: Any, mask: Any) -> Any:
        kind = self._row[columns("kind").start]
        # Two conditions: the inner one is DALI's, and cannot be joined with one of Python's.
        if GRAY in self._kinds:  # noqa: SIM102
            if kind == float(GRAY):
                image = self._behind(image, mask, self._filled())
        if DONOR in self._kinds:  # noqa: SIM102
            if kind == float(DONOR):
                image = self._behind(image, mask, self._donor())
        return image

    def _filled(self) -> Any:
        """A background of one color, which goes with pictures of any size."""
        if self._fill is not None:
            return self._constant([[self._fill]])
        gray = fn.cast(self._row[columns("gray").start], dtype=types.UINT8)
        return gray.gpu() if self._gpu else gray

    def _pasted(self, image: Any) -> Any:
        """A finished negative with its query's view, by the formula."""
        pasted = self._row[columns("kind").start] == float(PASTE)
        query, soft = self._query, self._query_mask
        if pasted:
            parts = (image, query) if self._formula == "hole" else (query, image)
            image = self._composite(*parts, soft)
        return image

    def _donor(self) -> Any:
        """The background of another photo, cut and colored as in a view of its own."""
        device = "mixed" if self._gpu else "cpu"
        picture = fn.decoders.image(
            self._encoded, device=device, output_type=types.RGB, adjust_orientation=False
        )
        if self._donor_photo is not None:
            picture = _patched(self._donor_photo, picture, self._row[columns("bg_place")])
        picture = _cut(picture, self._row[columns("bg_roi")], self._view.size)
        return self._photometric(picture, "bg_")

    def _behind(self, image: Any, mask: Any, background: Any) -> Any:
        """The image in front of a background."""
        return self._composite(image, background, _cut(mask, self._row[columns("roi")], self._view.size))

    def _composite(self, image: Any, background: Any, soft: Any) -> Any:
        softness = self._view.background.softness
        if not softness:
            return _compose(image, background, self._hard(soft))
        share = math.clamp((soft - float(self._level)) / (255.0 * softness) + 0.5, 0.0, 1.0)
        return fn.cast_like(math.floor(image * share + background * (1.0 - share) + 0.5), image)

    def _hard(self, soft: Any) -> Any:
        return fn.cast(soft >= self._level, dtype=types.UINT8) * self._constant(255)

    def _constant(self, value: Any) -> Any:
        return types.Constant(np.array(value, np.uint8), device="gpu" if self._gpu else "cpu")


def _cut(picture: Any, roi: Any, size: int) -> Any:
    """The (size, size) view of a region; it is relative, so that photo and mask may differ in size."""
    return fn.resize(picture, size=[size, size], roi_start=roi[0:2], roi_end=roi[2:4], roi_relative=True)


def _compose(image: Any, background: Any, mask: Any) -> Any:
    """The image where the mask is 255, the background where it is 0; bit by bit, the cheapest way."""
    return background ^ ((image ^ background) & mask)


def _inside(mask: Any, box: Any, size: int) -> Any:
    """A mask that is 0 outside of `box`, (y0, x0, y1, x1) px: erased above, below, left and right of it."""
    y0, x0, y1, x1 = box[0:1], box[1:2], box[2:3], box[3:4]
    zero, side = y0 * 0.0, y0 * 0.0 + float(size)
    anchor = fn.cat(zero, zero, y1, zero, zero, zero, zero, x1)
    shape = fn.cat(y0, side, side - y1, side, side, x0, side, side - x1)
    return fn.erase(mask, anchor=anchor, shape=shape, axes=[0, 1], fill_value=0)


def _patched(photo: Any, patch: Any, place: Any) -> Any:
    """A photo with a patch over the box `place`, (y0, x0, y1, x1) relative to the photo."""
    size = fn.cast(photo.shape()[0:2], dtype=types.FLOAT)
    start, end = math.floor(place[0:2] * size + 0.5), math.floor(place[2:4] * size + 0.5)
    shape = end - start
    patch = fn.resize(patch, resize_y=shape[0], resize_x=shape[1])
    whole = {"axes": [0, 1], "normalized_anchor": False, "normalized_shape": False}
    canvas = fn.slice(patch, -start, size, **whole, out_of_bounds_policy="pad", fill_values=0)
    return canvas | fn.erase(photo, anchor=start, shape=shape, axes=[0, 1], fill_value=0)


def _augmented(image: NDArray[np.uint8], row: NDArray[np.float32]) -> NDArray[np.uint8]:
    return auto_augment(image, int(row[columns("policy").start]), row[columns("policy_u")])
