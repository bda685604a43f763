"""What is written of a photo and its mask: the mask, the object alone, the object on something else, ..."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ImageColor

from maskgen.backgrounds.make import BACKGROUNDS
from maskgen.errors import ImageFault, UsageError
from maskgen.io.images.decode import Limits, decode
from maskgen.io.images.encode import encode_cutout_png, encode_mask_png, encode_photo_png, resize_image
from maskgen.shards.confidence import suspected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.shards.sample import MaskPair
    from maskgen.types import RGB

KINDS = ("mask", "cutout", "overlay", "background", "onto")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A kind of picture.

    Args:
        kind: of `KINDS`.
        binary: whether masks are cut at the threshold: 1 bit a pixel, and edges without transparency.
        maker: of ``background``, a name of `BACKGROUNDS`.
        behind: of ``onto``, what the object is put on: (1, 1, 3) of one color, or (H, W, 3) uint8 RGB.
        facts: what of it shapes the pixels, as JSON values.
        method: of ``background``, that made the masks.
    """

    kind: str = "mask"
    binary: bool = False
    maker: str = ""
    behind: RGB | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    method: str = ""

    def render(self, photo: RGB, masks: MaskPair) -> bytes:
        """The picture as a PNG.

        Args:
            photo: (H, W, 3) uint8 RGB.
            masks: of the photo, at its size.

        Raises:
            ImageFault: it cannot be encoded.
        """
        if self.kind == "mask":
            return encode_mask_png(masks.stored, binary=self.binary)
        if self.kind == "cutout":
            return encode_cutout_png(np.dstack((photo, masks.stored)))
        if self.kind == "background":
            small = suspected(masks.small, self.method)
            return encode_photo_png(BACKGROUNDS[self.maker](photo, masks.hard, small).image)
        if self.kind == "overlay":
            from maskgen.drawing.contact_sheet import overlay

            return encode_photo_png(overlay(photo, masks.hard))
        if self.behind is None:
            raise TypeError("a picture of the kind onto needs something to put the object on")
        return encode_photo_png(paste(photo, masks.stored, cover(self.behind, photo.shape[:2])))


def read_behind(text: str, limits: Limits) -> tuple[RGB, dict[str, Any]]:
    """What an object is put on, and what of it shapes the pixels.

    Args:
        text: a color as CSS writes it (``white``, ``#00ff00``, ``rgb(0,255,0)``), or the path of a photo.
        limits: of the photo.

    Raises:
        UsageError: neither, or a photo that cannot be decoded.

    Example:
        >>> from maskgen.io.images.decode import Limits
        >>> from maskgen.pipelines.masks.picture import read_behind
        >>> read_behind("#ff8000", Limits(1, 1, 1))[1]
        {'color': [255, 128, 0]}
    """
    path = Path(text)
    if not path.is_file():
        try:
            color = ImageColor.getrgb(text)[:3]
        except ValueError as error:
            raise UsageError(
                f"--onto got {text!r}, which is neither a color nor a file",
                remedy="a color as white or #00ff00, or the path of a photo",
            ) from error
        return np.array(color, np.uint8).reshape(1, 1, 3), {"color": list(color)}
    data = path.read_bytes()
    try:
        return decode(data, limits).image, {"photo_sha256": hashlib.sha256(data).hexdigest()}
    except ImageFault as fault:
        raise UsageError(
            "the photo of --onto cannot be decoded", where=text, cause=str(fault), remedy="give another"
        ) from fault


def cover(image: RGB, size: tuple[int, ...]) -> RGB:
    """An image at another size: scaled until it covers that, and the middle cut out.

    Args:
        image: (h, w, 3) uint8 RGB.
        size: wanted (height, width), px.

    Example:
        >>> import numpy as np
        >>> from maskgen.pipelines.masks.picture import cover
        >>> cover(np.zeros((30, 40, 3), np.uint8), (50, 50)).shape
        (50, 50, 3)
    """
    height, width = size[:2]
    if image.shape[:2] == (1, 1):
        return np.broadcast_to(image, (height, width, 3))
    scale = max(height / image.shape[0], width / image.shape[1])
    large = max(height, round(image.shape[0] * scale)), max(width, round(image.shape[1] * scale))
    top, left = (large[0] - height) // 2, (large[1] - width) // 2
    return resize_image(image, large)[top : top + height, left : left + width]


def paste(photo: RGB, mask: NDArray[np.uint8], behind: RGB) -> RGB:
    """The object of a photo on something else: ``(m photo + (255 - m) behind) / 255``, rounded.

    Args:
        photo: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8; 255 is the object.
        behind: (H, W, 3) uint8 RGB.
    """
    share = mask[..., None].astype(np.uint16)
    mixed = photo * share + behind * (255 - share) + np.uint16(127)  # at most 255 * 255 + 127
    return (mixed // 255).astype(np.uint8)
