"""One photo's background in one line, and what its mask alone tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..config.run_config import BACKGROUND_VERSIONS
from ..config.suggest import nearest
from ..errors import UsageError
from .region import fill_region
from .telea import SEAM_PX, telea
from .tiled import seam_px, tiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import RGB, Background, Box, HardMask, SoftMask

BACKGROUNDS: dict[str, Background] = {"tiled": tiled, "telea": telea}
"""Every background maker by name."""

HOW: dict[str, tuple[str, ...]] = {
    "none": ("none",),
    "onnx": ("onnx", "mean"),
    "telea": ("telea", "mean"),
    "tiled": ("tiled-left", "tiled-right", "tiled-top", "tiled-bottom", "tiled-rectangle", "mean"),
}
"""How a background may have been made where there is foreground; ``untouched`` where there is none."""


def _seam(background: str, version: int, shape: Sequence[int]) -> int:
    """Pixels by which a background covers more than the grown mask's box."""
    if background == "tiled":
        return seam_px(shape) if version > 1 else 0
    return 2 * SEAM_PX


def covered_region(background: str, mask: HardMask, version: int | None = None) -> Box:
    """The box inside which a background differs from its photo, from the mask alone.

    Args:
        background: a name of `HOW` but ``none``.
        mask: (H, W) bool; True is foreground.
        version: of the way in which it was made; None: today's.

    Returns:
        The `region` that the maker gives; all zero without foreground.

    Example:
        >>> from maskgen.backgrounds.make import covered_region
        >>> import numpy as np
        >>> mask = np.zeros((60, 80), np.bool_)
        >>> mask[20:40, 30:50] = True
        >>> covered_region("telea", mask)
        Box(y0=14, x0=24, y1=46, x1=56)
    """
    today = BACKGROUND_VERSIONS.get(background, 1)
    return fill_region(mask, _seam(background, today if version is None else version, mask.shape))


def make_background(background: str, image: RGB, mask: HardMask, *, saliency: SoftMask | None = None) -> RGB:
    """The photo without its foreground.

    Args:
        background: a name of `BACKGROUNDS`: ``tiled`` repeats a strip of the photo, ``telea`` paints the hole
            over.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool; True is foreground.
        saliency: (H, W) float32 in [0, 1], the soft mask, of which ``tiled`` repeats the least; None: it goes
            by the sizes of its strips.

    Returns:
        (H, W, 3) uint8 RGB; the photo itself, the same array, where the mask has no foreground.

    Raises:
        UsageError: no such background; an image or a mask of another type or shape.

    Example:
        >>> from maskgen import make_background
        >>> import numpy as np
        >>> photo = np.full((40, 60, 3), 90, np.uint8)
        >>> photo[10:30, 20:40] = 200
        >>> int(make_background("tiled", photo, photo[..., 0] > 100).max())
        90
    """
    if background not in BACKGROUNDS:
        raise UsageError(
            f"unknown background {background!r}", remedy=nearest(str(background), list(BACKGROUNDS))
        )
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UsageError(
            f"a photo is an (H, W, 3) uint8 RGB array, not {_describe(image)}",
            remedy='numpy.asarray(PIL.Image.open(path).convert("RGB")) makes one',
        )
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise UsageError(
            f"a mask is an (H, W) bool array, not {_describe(mask)}",
            remedy="mask >= 0.5 makes one of a soft mask",
        )
    if mask.shape != image.shape[:2] or not mask.size:
        raise UsageError(
            f"the mask is {_describe(mask)} and the photo {_describe(image)}",
            remedy="give a mask of the photo's height and width",
        )
    soft = None
    if saliency is not None:
        if not isinstance(saliency, np.ndarray) or saliency.shape != mask.shape or saliency.dtype.kind != "f":
            raise UsageError(
                f"a soft mask is an (H, W) float array, not {_describe(saliency)}",
                remedy="give what make_mask returns",
            )
        soft = np.rint(np.clip(np.nan_to_num(saliency), 0, 1) * 255).astype(np.uint8)
    return BACKGROUNDS[background](image, mask, soft).image


def _describe(value: object) -> str:
    """Shape and type of an array, or the name of another type."""
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return f"a {type(value).__name__}"
