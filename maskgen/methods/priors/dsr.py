"""DSR: saliency detection via dense and sparse reconstruction (Li, Lu, Zhang, Ruan and Yang, ICCV 2013).

Superpixels at the image border are templates of the background; what they reconstruct badly is salient. Two
kinds of reconstruction, at eight segmentations, are evened out within clusters, drawn to their center and
joined by Bayes' rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..superpixels.features import border_members, mean_over, positions
from ..superpixels.graph import minmax
from .reconstruction import dense_error, k_means, propagate, sparse_error
from .scene import Scene, prepare, restore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB, SoftMask

    from ..superpixels.slic import Labels

SCALES = (50, 100, 150, 200, 250, 300, 350, 400)
CLUSTERS = 8
SEED = 0
CENTER_SIGMA = 0.25
BINS = 60


def dsr(image: RGB) -> SoftMask:
    """Saliency by dense and sparse reconstruction.

    Worked at a long side of 400 px after the frame removal of the RBD release, which stands for the paper's
    edge rule; a frame is 0 in the result. Choices, with maxF / MAE / IoU at .23 on 167 ECSSD photos, the
    default .824 / .113 / .650:

    - Scales are averaged plainly, as the release does in effect: its weights compare pixel numbers with
      relative places. The weights that the paper means: .824 / .114 / .650.
    - Bayes' rule looks each value up in both histograms by the value, as the paper means. The release bins
      each region on its own scale and uses those bins in both: .829 / .131 / .659.
    - The compactness is 20 at every scale, so that segmentations are shared with the other methods. The
      release's 10 to 30: .824 / .113 / .646.
    - k-means starts from a fixed seed; the release starts at random.

    Args:
        image: (H, W, 3) uint8 RGB, any size from 1 x 1.

    Returns:
        (H, W) float32 in [0, 1]; all 0 when nothing stands out, as in a plain image.

    Example:
        >>> from maskgen.methods.priors.dsr import dsr
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> mask = dsr(photo)
        >>> mask.shape, bool(mask[25:35, 35:45].min() > mask[:10].max())
        ((60, 80), True)
    """
    scene = prepare(image)
    return restore(scene, dsr_map(scene))


def dsr_map(scene: Scene) -> NDArray[np.float64]:
    """`dsr` on a prepared photo: the map of `scene.image`, (h, w) float64 in [0, 1].

    Example:
        >>> from maskgen.methods.priors.dsr import dsr_map
        >>> import numpy as np
        >>> from maskgen.methods.priors.scene import prepare
        >>> scene = prepare(np.zeros((60, 80, 3), np.uint8))
        >>> dsr_map(scene).any().item()
        False
    """
    if not np.ptp(scene.image, axis=(0, 1)).any():  # places alone would still differ
        return np.zeros(scene.image.shape[:2])
    pixels = pixel_features(scene.image)
    errors = np.zeros((*pixels.shape[:2], 2))
    for count in SCALES:
        labels = scene.labels(count)
        errors += np.take(scale_errors(pixels, labels), labels, axis=0)
    dense, sparse = (weight_by_center(minmax(errors[..., kind])) for kind in (0, 1))
    return minmax(posterior(dense, sparse) + posterior(sparse, dense))


def pixel_features(image: RGB) -> NDArray[np.float64]:
    """R, G, B in [0, 1], CIELAB, row/H and column/W of each pixel, (H, W, 8) float64.

    Example:
        >>> from maskgen.methods.priors.dsr import pixel_features
        >>> import numpy as np
        >>> pixel_features(np.full((1, 1, 3), 255, np.uint8)).round(2).tolist()
        [[[1.0, 1.0, 1.0, 100.0, 0.0, 0.0, 0.0, 0.0]]]
    """
    rgb = image.astype(np.float32) / 255
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    return np.concatenate([rgb, lab, positions(*image.shape[:2])], axis=2, dtype=np.float64)


def scale_errors(pixels: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Dense and sparse reconstruction errors of one segmentation, evened out within eight clusters.

    A superpixel's features are its mean R, G, B, its mean L, a, b stretched to [0, 1] over the image, and its
    place.

    Args:
        pixels: (H, W, 8) float64, `pixel_features`.
        labels: (H, W) superpixels 0 .. N-1.

    Returns:
        (N, 2) float64 in [0, 1].

    Example:
        >>> from maskgen.methods.priors.dsr import scale_errors
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> from maskgen.methods.priors.dsr import pixel_features
        >>> from maskgen.methods.superpixels.slic import segment
        >>> labels = segment(photo, 50)
        >>> dense, sparse = scale_errors(pixel_features(photo), labels).T
        >>> bool(dense[labels[30, 40]] > dense[labels[2, 2]])
        True
    """
    features = mean_over(pixels, labels)
    features[:, 3:6] = np.apply_along_axis(minmax, 0, features[:, 3:6])
    templates = features[border_members(labels, len(features), 1)]
    errors = minmax(dense_error(features, templates)), minmax(sparse_error(features, templates))
    evened = propagate(np.stack(errors, axis=1), features, k_means(features, CLUSTERS, SEED))
    return np.stack([minmax(one) for one in evened.T], axis=1)


def weight_by_center(saliency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight an (H, W) map by a Gaussian at its own centroid, sigma a quarter of each side.

    The result is stretched to [0, 1].

    Example:
        >>> from maskgen.methods.priors.dsr import weight_by_center
        >>> import numpy as np
        >>> weight_by_center(np.ones((1, 5))).round(2).tolist()
        [[0.0, 0.62, 1.0, 0.62, 0.0]]
    """
    factors = []
    for axis in (0, 1):
        profile = saliency.sum(axis=1 - axis)
        place = np.arange(len(profile))
        center = (place * profile).sum() / max(float(profile.sum()), 1e-12)
        factors.append(np.exp(-0.5 * np.square((place - center) / (CENTER_SIGMA * len(profile)))))
    return minmax(saliency * np.outer(*factors))


def posterior(prior: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that a pixel is salient, with one map as the prior and the other as what was observed.

    Likelihoods are 60-bin histograms of `observed` where the prior is above its mean and where it is not.

    Args:
        prior: (H, W) float64 in [0, 1].
        observed: (H, W) float64 in [0, 1].

    Returns:
        (H, W) float64 in [0, 1]; all 0 when the prior is the same everywhere.

    Example:
        >>> from maskgen.methods.priors.dsr import posterior
        >>> import numpy as np
        >>> posterior(np.array([[0.9, 0.8, 0.1, 0.2]]), np.array([[0.9, 0.9, 0.1, 0.9]])).round(2).tolist()
        [[1.0, 0.94, 0.0, 0.35]]
    """
    inside = prior > prior.mean()
    if inside.all() or not inside.any():
        return np.zeros_like(prior)
    bins = np.minimum((observed * BINS).astype(np.intp), BINS - 1)
    salient = np.bincount(bins[inside], minlength=BINS) / inside.sum()
    other = np.bincount(bins[~inside], minlength=BINS) / (~inside).sum()
    joint = prior * salient[bins]
    return minmax(joint / np.maximum(joint + (1 - prior) * other[bins], 1e-12))
