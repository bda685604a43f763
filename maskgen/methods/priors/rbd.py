"""RBD: saliency optimization from robust background detection (Zhu, Liang, Wei and Sun, CVPR 2014).

Superpixels strongly connected to the image border are background; foreground is what contrasts with them; a
least squares problem joins both cues. Constants are those of the authors' release, where it differs from the
paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..superpixels.features import border_members, mean_lab, mean_position
from ..superpixels.graph import (
    add_clique,
    adjacency,
    distances,
    geodesic_distances,
    minmax,
    similarity,
    two_hop,
)
from .scene import Scene, prepare, restore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB, SoftMask

SUPERPIXELS_ALONG = 20
BORDER_BAND_PX = 8
SPATIAL_SIGMA = 0.4  # the release; the paper says 0.25
CERTAIN_CONNECTIVITY = 3.0
CERTAIN_WEIGHT = 1000.0
BACKGROUND_WEIGHT = 5.0
SMOOTHNESS = 0.1


class ColorScales(NamedTuple):
    """What counts as a small color difference in one image, in CIELAB units.

    Args:
        clip: edges of the geodesic graph shorter than this cost nothing.
        geodesic: sigma of the geodesic similarity.
        neighbor: sigma of the smoothness weights.
    """

    clip: float
    geodesic: float
    neighbor: float


def rbd(image: RGB) -> SoftMask:
    """Saliency by robust background detection, "wCtr*" of the paper.

    Worked at a long side of 400 px after the release's frame removal; a frame is 0 in the result. The release
    cuts 600 px superpixels whatever the photo's size, 300 of them in 500 x 375; here twenty fit on the long
    side, which is the same there and does not depend on the size. On 333 ECSSD photos of 400 x 300, where the
    release has 200, 300 score MAE .1169 to .1186 and the same maxF (.818), and the correlation with the
    released maps of 40 PASCAL-S photos is .943 to .926 (.953 after `restore`).

    Args:
        image: (H, W, 3) uint8 RGB, any size from 1 x 1.

    Returns:
        (H, W) float32 in [0, 1]; all 0 when nothing stands out, as in a plain image.

    Example:
        >>> from maskgen.methods.priors.rbd import rbd
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> mask = rbd(photo)
        >>> mask.shape, bool(mask[25:35, 35:45].min() > mask[:10].max())
        ((60, 80), True)
    """
    scene = prepare(image)
    return restore(scene, rbd_map(scene))


def rbd_map(scene: Scene) -> NDArray[np.float64]:
    """`rbd` on a prepared photo: the map of `scene.image`, (h, w) float64 in [0, 1].

    Example:
        >>> from maskgen.methods.priors.rbd import rbd_map
        >>> import numpy as np
        >>> from maskgen.methods.priors.scene import prepare
        >>> scene = prepare(np.zeros((60, 80, 3), np.uint8))
        >>> rbd_map(scene).any().item()
        False
    """
    height, width = scene.image.shape[:2]
    labels = scene.labels(scene.count_along(SUPERPIXELS_ALONG))
    count = int(labels.max()) + 1
    if count < 2:
        return np.zeros((height, width))
    border = border_members(labels, count, _band_px(height, width))
    neighbors = adjacency(labels, count, diagonal=False)
    near = two_hop(neighbors)
    color = distances(mean_lab(scene.image, labels))
    scales = color_scales(color, neighbors, near)

    geodesic = geodesic_distances(
        add_clique(neighbors, border), np.maximum(color - scales.clip, 0), 3 * scales.geodesic
    )
    connectivity = boundary_connectivity(geodesic, border, scales.geodesic)
    background = 1 - np.exp(-0.5 * connectivity**2)
    contrast = weighted_contrast(color, distances(mean_position(labels)), background)
    smooth = similarity(color, scales.neighbor) * add_clique(near, border) + SMOOTHNESS * neighbors
    certain = np.where(connectivity > CERTAIN_CONNECTIVITY, CERTAIN_WEIGHT, background)
    return minmax(optimize(BACKGROUND_WEIGHT * certain, contrast, smooth))[labels]


def _band_px(height: int, width: int) -> int:
    """The release's 8 px, less for sides below 64 px: thumbnails are not all border."""
    return max(1, min(BORDER_BAND_PX, min(height, width) // 8))


def color_scales(
    color: NDArray[np.float64], neighbors: NDArray[np.bool_], near: NDArray[np.bool_]
) -> ColorScales:
    """Estimate the scales from the image, as the release does (the paper fixes sigma_clr = 10).

    Args:
        color: (N, N) CIELAB distances.
        neighbors: (N, N) bool adjacency, no self loops; every node has a neighbor.
        near: (N, N) bool, nodes one or two steps apart, no self loops.
    """
    nearest = float(np.where(neighbors, color, np.inf).min(axis=1).mean())
    nearest_two_hop = float(np.where(near, color, np.inf).min(axis=1).mean())
    steps = np.sort(color[np.triu(neighbors)])
    largest = float(steps[-max(1, round(0.01 * steps.size)) :].mean())
    return ColorScales(
        clip=nearest_two_hop,
        geodesic=max(5.0, min(10.0, 3 * nearest, largest / 10)),
        neighbor=min(3 * nearest, 0.2 * largest, 20.0),
    )


def boundary_connectivity(
    geodesic: NDArray[np.float64], border: NDArray[np.bool_], sigma: float
) -> NDArray[np.float64]:
    """How much of a region lies on the border, over the root of its area (equations 3-5).

    Args:
        geodesic: (N, N) geodesic color distances.
        border: (N,) bool, superpixels at the border.
        sigma: color scale of the soft region, CIELAB units.

    Returns:
        (N,) float64 >= 0.
    """
    same_region = similarity(geodesic, sigma)
    connectivity: NDArray[np.float64] = same_region[:, border].sum(axis=1) / np.sqrt(same_region.sum(axis=1))
    return connectivity


def weighted_contrast(
    color: NDArray[np.float64], space: NDArray[np.float64], background: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Color contrast with what is probably background and not far away (equations 6-7).

    Stretched to [0, 1], then values of the lower Otsu class are set to 0, as the release does.

    Args:
        color: (N, N) CIELAB distances.
        space: (N, N) distances of the centroids, in image sides.
        background: (N,) background probability in [0, 1].
    """
    contrast = minmax((color * similarity(space, SPATIAL_SIGMA)) @ background)
    levels = np.rint(255 * contrast).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.where(levels <= threshold, 0.0, contrast)


def optimize(
    background: NDArray[np.float64], foreground: NDArray[np.float64], smooth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Minimize sum b_i s_i² + sum f_i (s_i - 1)² + sum of w_ij (s_i - s_j)² (equation 9), in closed form.

    Args:
        background: (N,) weights b >= 0 of "is background".
        foreground: (N,) weights f >= 0 of "is foreground".
        smooth: (N, N) symmetric weights w >= 0; every node must be linked to one with b + f > 0.

    Returns:
        (N,) float64, the minimizer s.
    """
    system = np.diag(smooth.sum(axis=1) + background + foreground) - smooth
    return np.asarray(np.linalg.solve(system, foreground), np.float64)
