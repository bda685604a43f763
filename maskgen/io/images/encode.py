"""Deterministic encoders and the resizing that precedes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from maskgen.errors import ImageFault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB

Mask = TypeVar("Mask", np.uint8, np.float32)

_MAX_SIDE_PX = 65_500  # libjpeg's own limit
# Paeth at level 1: 4 % more bytes than all filters at level 3 on ImageNet photos, in 60 % of the time.
_PHOTO_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH),
]


def encode_jpeg(image: RGB, quality: int) -> bytes:
    """Encode as a baseline 4:2:0 JPEG without metadata; equal input gives equal bytes.

    Args:
        image: (H, W, 3) uint8 RGB.
        quality: libjpeg quality, 1..100.

    Raises:
        ImageFault: ``unencodable``, a side of zero or above 65,500 px, or the encoder's own failure.

    Example:
        >>> from maskgen.io.images.encode import encode_jpeg
        >>> import numpy as np
        >>> encode_jpeg(np.zeros((30, 40, 3), np.uint8), 90)[:3].hex()
        'ffd8ff'
    """
    settings = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
        *(cv2.IMWRITE_JPEG_PROGRESSIVE, 0),
        *(cv2.IMWRITE_JPEG_OPTIMIZE, 0),
        *(cv2.IMWRITE_JPEG_RST_INTERVAL, 0),
    ]
    _check_encodable(image, (3,))
    return _encode(".jpg", np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8), settings)


def encode_photo_png(image: RGB) -> bytes:
    """Encode as an 8-bit RGB PNG without metadata; equal input gives equal bytes.

    Args:
        image: (H, W, 3) uint8 RGB.

    Raises:
        ImageFault: ``unencodable``, a side of zero or above 65,500 px, or the encoder's own failure.

    Example:
        >>> from maskgen.io.images.encode import encode_photo_png
        >>> import numpy as np
        >>> encode_photo_png(np.zeros((30, 40, 3), np.uint8))[1:4]
        b'PNG'
    """
    _check_encodable(image, (3,))
    return _encode(".png", np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8), _PHOTO_PNG)


def encode_cutout_png(image: NDArray[np.uint8]) -> bytes:
    """Encode as an 8-bit PNG with transparency and without metadata; equal input gives equal bytes.

    Args:
        image: (H, W, 4) uint8, red, green, blue and opacity.

    Raises:
        ImageFault: ``unencodable``, a side of zero or above 65,500 px, or the encoder's own failure.

    Example:
        >>> from maskgen.io.images.encode import encode_cutout_png
        >>> import numpy as np
        >>> encode_cutout_png(np.zeros((30, 40, 4), np.uint8))[1:4]
        b'PNG'
    """
    _check_encodable(image, (4,))
    return _encode(".png", np.asarray(cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA), np.uint8), _PHOTO_PNG)


def encode_mask_png(mask_u8: NDArray[np.uint8], binary: bool) -> bytes:
    """Encode a mask as a gray PNG; equal input gives equal bytes.

    Args:
        mask_u8: (H, W) uint8, 255 is foreground.
        binary: store 1 bit per pixel; the mask must hold only 0 and 255.

    Raises:
        ImageFault: ``unencodable``, a side of zero or above 65,500 px, a value between 0 and 255 in a
            binary mask, or the encoder's own failure.

    Example:
        >>> from maskgen.io.images.encode import encode_mask_png
        >>> import numpy as np
        >>> data = encode_mask_png(np.zeros((30, 40), np.uint8), binary=True)
        >>> data[1:4], encode_mask_png(np.zeros((30, 40), np.uint8), binary=True) == data
        (b'PNG', True)
    """
    # Run lengths beat the other strategies on masks, and the level does not matter to them. Up costs what sub
    # does and saves 2 to 7 %; Paeth saves 7 to 11 % more for a third more time.
    settings = [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    ]
    _check_encodable(mask_u8, ())
    if binary:
        if ((mask_u8 != 0) & (mask_u8 != 255)).any():
            raise ImageFault("unencodable", "a binary mask holds values between 0 and 255")
        # Eight pixels share a byte: no filter helps. 1.2 kB on average; 1.6 kB with run lengths, 2.7 kB by
        # default.
        settings = [
            *(cv2.IMWRITE_PNG_BILEVEL, 1),
            *(cv2.IMWRITE_PNG_COMPRESSION, 6),
            *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
            *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
        ]
    return _encode(".png", mask_u8, settings)


def encode_lean_mask(mask_u8: NDArray[np.uint8]) -> bytes:
    """Encode a mask of few pixels and levels as an 8-bit gray PNG; equal input gives equal bytes.

    Args:
        mask_u8: (H, W) uint8, 255 is foreground.

    Raises:
        ImageFault: ``unencodable``, a side of zero or above 65,500 px, or the encoder's own failure.

    Example:
        >>> from maskgen.io.images.encode import encode_lean_mask
        >>> import numpy as np
        >>> encode_lean_mask(np.zeros((128, 128), np.uint8))[1:4]
        b'PNG'
    """
    # Of masks of 128 x 128 px in 14 levels. Level 9 without run lengths saves 6 % and takes 33 times as long,
    # 2.4 ms: more than decoding a photo. A PNG of 4 bits, which OpenCV does not write, is 20 % smaller.
    settings = [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    ]
    _check_encodable(mask_u8, ())
    return _encode(".png", mask_u8, settings)


def _check_encodable(array: NDArray[np.uint8], channels: tuple[int, ...]) -> None:
    fits = array.dtype == np.uint8 and array.ndim >= 2 and array.shape[2:] == channels
    if not fits or not all(1 <= side <= _MAX_SIDE_PX for side in array.shape[:2]):
        raise ImageFault("unencodable", f"an array of shape {array.shape} and type {array.dtype}")


def _encode(suffix: str, array: NDArray[np.uint8], settings: list[int]) -> bytes:
    try:
        done, encoded = cv2.imencode(suffix, array, settings)
    except cv2.error as error:
        raise ImageFault("unencodable", str(error)[:200]) from error
    if not done:
        raise ImageFault("unencodable", f"the {suffix} encoder refused an array of shape {array.shape}")
    return bytes(encoded)


def resize_short_side(image: RGB, side: int) -> RGB:
    """Shrink an image to a short side of `side` px by area averaging; smaller ones stay as they are.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: wanted short side, px; 0 keeps the size.

    Returns:
        (H', W', 3) uint8 RGB, the aspect ratio kept to half a pixel.

    Example:
        >>> from maskgen.io.images.encode import resize_short_side
        >>> import numpy as np
        >>> resize_short_side(np.zeros((300, 400, 3), np.uint8), 150).shape
        (150, 200, 3)
    """
    height, width = image.shape[:2]
    short = min(height, width)
    if side < 1 or short <= side:
        return image
    new = (round(width * side / short), round(height * side / short))
    return np.asarray(cv2.resize(image, new, interpolation=cv2.INTER_AREA), np.uint8)


def resize_image(image: RGB, size: tuple[int, int]) -> RGB:
    """Resize an image with the kernel of `resize_mask`.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: wanted (height, width), px, each at least 1.

    Returns:
        (height, width, 3) uint8 RGB; `image` itself when it has that size.

    Example:
        >>> from maskgen.io.images.encode import resize_image
        >>> import numpy as np
        >>> resize_image(np.zeros((300, 400, 3), np.uint8), (30, 40)).shape
        (30, 40, 3)
    """
    return image if image.shape[:2] == tuple(size) else _resize(image, size)


def resize_mask(mask: NDArray[Mask], size: tuple[int, int]) -> NDArray[Mask]:
    """Resize a mask: bilinearly where no side shrinks to less than half, else by area averaging.

    Down to a half, bilinear sampling is as close to the mask after reading back as averaging (IoU .9962
    against .9955 at 320 px, 84 U²-Net-p masks of ImageNet photos) and takes a tenth of the time.

    Args:
        mask: (H, W) uint8 in 0..255 or float32 in [0, 1].
        size: wanted (height, width), px, each at least 1.

    Returns:
        (height, width) of the same type and range.

    Example:
        >>> from maskgen.io.images.encode import resize_mask
        >>> import numpy as np
        >>> resize_mask(np.zeros((300, 400), np.uint8), (30, 40)).shape
        (30, 40)
    """
    return mask if mask.shape == tuple(size) else _resize(mask, size)


def _resize(array: NDArray[Mask], size: tuple[int, int]) -> NDArray[Mask]:
    shrinks = any(2 * new < old for new, old in zip(size, array.shape[:2], strict=True))
    kernel = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(array, (size[1], size[0]), interpolation=kernel), array.dtype)
