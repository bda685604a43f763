"""A background by an inpainting network: the photo squeezed to its side, the hole pasted back."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from maskgen.backgrounds.region import (
    check_shapes,
    fill_region,
    grow_mask,
    keep_photo,
    margin_px,
    mean_fill,
)
from maskgen.backgrounds.telea import SEAM_PX, blend_fill
from maskgen.errors import EnvironmentFault, ImageFault, UsageError
from maskgen.methods.network import resize_antialias
from maskgen.types import Filled

from ..onnx.file import read_graph
from ..onnx.session import PRECISIONS, graph_runner
from .declaration import InpaintingDeclaration, fit_inpainting, read_inpainting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.methods.network import Run
    from maskgen.types import RGB, HardMask

OUTSIDE = 0.1
"""Share of its range by which an output may leave it; more is another range than the declared one."""


@dataclass(frozen=True, slots=True)
class InpaintingOptions:
    """What a background by a network needs.

    Args:
        weights: path of the ONNX file.
        network: a known name, a TOML file, or the declaration as JSON.
        runtime: ``openvino`` or ``onnxruntime``, or ``auto``: the first of these that is installed.
    """

    weights: str
    network: str
    runtime: str = "auto"


def resolve_inpainting(options: InpaintingOptions) -> InpaintingOptions:
    """The options with the runtime named, and the declaration fitted to the model.

    Raises:
        UsageError: no model, or one that contradicts its declaration; an unknown runtime.
        EnvironmentFault: a package that is not installed.
    """
    declaration = read_inpainting(options.network)
    if not options.weights:
        raise UsageError(
            "--background onnx needs its model", remedy="give the .onnx file's path with --background-weights"
        )
    known = [runtime for runtime, device in PRECISIONS if device == "cpu"]
    runtime = options.runtime
    if runtime == "auto":
        found = [name for name in known if importlib.util.find_spec(name) is not None]
        if not found:
            raise EnvironmentFault(
                f"--background onnx needs {' or '.join(known)}", remedy="pip install onnxruntime"
            )
        runtime = found[0]
    network = fit_inpainting(declaration, Path(options.weights)).render()
    return InpaintingOptions(options.weights, network, runtime)


def load_inpainting(options: InpaintingOptions) -> Inpainting:
    """The background maker of a model, on the CPU in float32; one thread when OMP_NUM_THREADS is 1.

    Raises:
        UsageError: a model that cannot be used.
        EnvironmentFault: a package that is not installed.
    """
    options = resolve_inpainting(options)
    declaration = read_inpainting(options.network)
    graph = read_graph(Path(options.weights), flag="--background-weights")
    shapes = {
        declaration.image: (1, 3, declaration.side, declaration.side),
        declaration.mask: (1, 1, declaration.side, declaration.side),
    }
    return Inpainting(graph_runner(graph, options.runtime, shapes, declaration.output), declaration)


@dataclass(frozen=True, slots=True)
class Inpainting:
    """A loaded model as a `types.Background`.

    The hole is the mask grown by `region.margin_px`; the model never sees a pixel of it. Photo and hole are
    squeezed to the model's side, so memory does not grow with the photo, and what it paints is enlarged again
    and pasted into the hole alone, blended over 4 px around it as in `telea`.

    Args:
        run: photo and hole in, the output out.
        declaration: fitted.
    """

    run: Run
    declaration: InpaintingDeclaration

    def __call__(
        self,
        image: RGB,
        mask: HardMask,
        saliency: NDArray[np.uint8] | None = None,  # noqa: ARG002 - every maker is called alike
    ) -> Filled:
        """The photo with its foreground painted over; `how` is ``onnx``, else as `telea`'s.

        Args:
            image: (H, W, 3) uint8 RGB.
            mask: (H, W) bool, True is foreground.
            saliency: not looked at; every maker is called alike.

        Raises:
            ValueError: shapes or types do not fit.
            ImageFault: the output is not finite.
            UsageError: the output is not what was declared.
        """
        check_shapes(image, mask)
        region = fill_region(mask, 2 * SEAM_PX)
        if not region.area:
            return keep_photo(image)
        hole = grow_mask(mask, margin_px(image.shape))
        unknown = self._unknown(hole)
        if hole.all() or unknown.all():  # the model would have nothing to go by
            return mean_fill(image, mask, region)
        window = slice(region.y0, region.y1), slice(region.x0, region.x1)
        size = (image.shape[1], image.shape[0])
        fill = np.asarray(
            cv2.resize(self._paint(image, hole, unknown), size, interpolation=cv2.INTER_LINEAR), np.uint8
        )
        out = image.copy()
        out[window] = blend_fill(fill[window], image[window], hole, window)
        return Filled(out, "onnx", region)

    def _unknown(self, hole: HardMask) -> HardMask:
        """(S, S) bool: the pixels at the model's side that hold anything of the hole, and one around them."""
        covered = resize_antialias(
            np.repeat(hole[..., None].astype(np.uint8) * 255, 3, axis=2), self.declaration.side
        )
        return grow_mask(covered[..., 0] > 0, 1)

    def _paint(self, image: RGB, hole: HardMask, unknown: HardMask) -> RGB:
        """(S, S, 3) uint8: what the model makes of the photo without its hole."""
        side, declaration = self.declaration.side, self.declaration
        small = resize_antialias(np.where(hole[..., None], np.uint8(0), image), side).copy()
        small[unknown] = 0
        photo = small.transpose(2, 0, 1)[None].astype(np.float32) * np.float32(declaration.image_range / 255)
        raw = self.run(photo, unknown[None, None].astype(np.float32)).astype(np.float32, copy=False)
        if raw.shape != (1, 3, side, side):
            raise UsageError(
                f"the model's output {declaration.output!r} is {raw.shape}, not (1, 3, {side}, {side})",
                remedy="declare another output for --background-network",
            )
        return _levels(raw[0].transpose(1, 2, 0), declaration.output_range)


def _levels(raw: NDArray[Any], white: int) -> RGB:
    """(S, S, 3) uint8 of an output in [0, white].

    Raises:
        ImageFault: values that are not finite.
        UsageError: values far outside the range.
    """
    low, high = float(raw.min()), float(raw.max())
    if not np.isfinite(high - low):
        raise ImageFault("non-finite-background", "the inpainted photo holds NaN or infinity")
    if low < -OUTSIDE * white - 1 or high > (1 + OUTSIDE) * white + (white > 1):
        raise UsageError(
            f"the model's output goes from {low:.3g} to {high:.3g}, not from 0 to {white}",
            remedy="declare another output_range for --background-network",
        )
    return np.rint(np.clip(raw * (255 / white), 0, 255)).astype(np.uint8)
