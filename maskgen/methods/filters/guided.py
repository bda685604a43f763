"""The guided filter (He, Sun and Tang, TPAMI 2013): a coarse map takes on the edges of the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB, SoftMask


def guided_upsample(
    coarse: NDArray[np.float32], guide: RGB, photo: RGB, radius_px: int, regularisation: float
) -> SoftMask:
    """Bring a map to the photo's size as a locally linear function of the photo's color.

    In every window of the guide the map is fitted by a linear function of R, G and B; the coefficients are
    averaged, enlarged and applied to the photo (He and Sun, "Fast guided filter", 2015, with the color guide
    of section 3.5 of the paper).

    Args:
        coarse: (h, w) float32 in [0, 1].
        guide: (h, w, 3) uint8 RGB, the photo at the map's size.
        photo: (H, W, 3) uint8 RGB.
        radius_px: half the window's side, px of the guide.
        regularisation: epsilon of the paper, for colors in [0, 1].

    Returns:
        (H, W) float32 in [0, 1].
    """
    colors = guide.astype(np.float32) / np.float32(255)
    slope, offset = linear_fit(coarse, colors, radius_px, regularisation)
    size = (photo.shape[1], photo.shape[0])
    mask: SoftMask = cv2.resize(offset, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
    for channel in range(3):  # one at a time: a photo of 64 megapixels takes 256 MB for each
        term = cv2.resize(slope[..., channel] / 255, size, interpolation=cv2.INTER_LINEAR)
        mask += np.multiply(term, photo[..., channel], out=term)
    return np.clip(mask, 0, 1, out=mask)


def linear_fit(
    values: NDArray[np.float32], guide: NDArray[Any], radius_px: int, regularisation: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ridge regression of `values` on the guide in every window, averaged over the windows that hold a pixel.

    Args:
        values: (h, w) float32.
        guide: (h, w, 3) float32 in [0, 1].
        radius_px: half the window's side, px.
        regularisation: added to the variances.

    Returns:
        (h, w, 3) slopes and (h, w) offsets, float32.
    """

    def window_mean(image: NDArray[Any]) -> NDArray[Any]:
        side = 2 * radius_px + 1
        return np.asarray(cv2.boxFilter(image, -1, (side, side), borderType=cv2.BORDER_REFLECT_101))

    mean, level = window_mean(guide), window_mean(values)
    covariance = window_mean(guide * values[..., None]) - mean * level[..., None]
    red, green, blue = np.moveaxis(guide, 2, 0)
    squares = window_mean(np.stack([red * red, green * green, blue * blue], axis=2)) - mean * mean
    products = window_mean(np.stack([green * blue, red * blue, red * green], axis=2))
    products -= mean[..., [1, 0, 0]] * mean[..., [2, 2, 1]]
    slope = solve_symmetric(squares + np.float32(regularisation), products, covariance)
    offset = level - (slope * mean).sum(axis=2)
    return window_mean(slope), window_mean(offset)


def solve_symmetric(diagonal: NDArray[Any], off: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Solve one symmetric positive definite 3 x 3 system per pixel by its adjugate.

    Args:
        diagonal: (..., 3) entries 00, 11, 22.
        off: (..., 3) entries 12, 02, 01.
        right: (..., 3) right-hand sides.

    Returns:
        (..., 3) solutions, of the same dtype.
    """
    a, b, c = np.moveaxis(diagonal, -1, 0)
    d, e, f = np.moveaxis(off, -1, 0)
    x, y, z = np.moveaxis(right, -1, 0)
    aa, bb, cc = b * c - d * d, a * c - e * e, a * b - f * f
    dd, ee, ff = e * f - a * d, d * f - b * e, d * e - c * f
    determinant = a * aa + f * ff + e * ee
    numerator = [aa * x + ff * y + ee * z, ff * x + bb * y + dd * z, ee * x + dd * y + cc * z]
    return np.asarray(np.stack(numerator, axis=-1) / determinant[..., None])
