"""Vote: RBD, MR, MC and DSR in one map, carried on by the photo's own colors.

Where the four agree they seed a cut that finds the rest of the object by color; where they agree on a wrong
region, it makes that one sharp. On photos that judge (`maskgen.evaluation.halves`), max F / MAE / IoU at the
threshold on ECSSD's easy part, its hard part and PASCAL-S: the mean of the four .845 / .131 / .685, .715 /
.232 / .508, .707 / .219 / .506; each cut at a data set's 1.5 times mean and counted .838 / .101 / .686, .689
/ .202 / .470, .710 / .195 / .490; `vote` with `--refine crf`, its default, .883 / .058 / .755, .716 / .168 /
.475, .717 / .162 / .522. BENCHMARKS.md has all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .color_cut import color_cut
from .dsr import dsr_map
from .mc import mc_map
from .mr import mr_map
from .rbd import rbd_map
from .scene import Scene, prepare, restore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB, SoftMask

CUT_SHARE = 0.9
MEANS_PER_THRESHOLD = 1.5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """1.5 times the mean of each prior's maps over a data set.

    The defaults are DeepUSPS's for MSRA-B, MR's our own.
    """

    rbd: float = 0.25
    mr: float = 0.30
    mc: float = 0.31
    dsr: float = 0.23


def vote(image: RGB) -> SoftMask:
    """Fuse the four training-free priors; a function of this image alone, with the natural threshold .5.

    The cut is seeded by the mean of the raw maps, not by counted votes: binarizing first loses which pixels
    each prior is sure of (maxF .885 to .872 on half of the ECSSD photos). Weights by agreement between the
    maps, more scales of MR and MC, and a center prior were tried as well and gain nothing.

    Args:
        image: (H, W, 3) uint8 RGB, any size from 1 x 1.

    Returns:
        (H, W) float32 in [0, 1]; all 0 when nothing stands out, as in a plain image.

    Example:
        >>> from maskgen.methods.priors.vote import vote
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> mask = vote(photo)
        >>> mask.shape, bool(mask[25:35, 35:45].min() > 0.5 > mask[:10].max())
        ((60, 80), True)
    """
    scene = prepare(image)
    return restore(scene, fuse(scene.image, prior_maps(scene)))


def prior_maps(scene: Scene) -> NDArray[np.float64]:
    """RBD, MR, MC and DSR of one scene, (4, h, w) float64 in [0, 1].

    Example:
        >>> from maskgen.methods.priors.vote import prior_maps
        >>> import numpy as np
        >>> from maskgen.methods.priors.scene import prepare
        >>> prior_maps(prepare(np.zeros((60, 80, 3), np.uint8))).shape
        (4, 60, 80)
    """
    return np.stack([rbd_map(scene), mr_map(scene), mc_map(scene), dsr_map(scene)])


def fuse(image: RGB, maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cut that the mean map seeds, and a tenth of the mean map.

    The tenth ranks the pixels within either side of the cut.

    Args:
        image: (h, w, 3) uint8 RGB.
        maps: (M, h, w) float64 in [0, 1].

    Returns:
        (h, w) float64 in [0, 1]; above .5 inside the cut.

    Example:
        >>> from maskgen.methods.priors.vote import fuse
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> maps = np.repeat((photo[None, ..., 0] > 100) * 0.8, 4, axis=0)
        >>> fused = fuse(photo, maps)
        >>> bool(fused[30, 40] > 0.5 > fused[5, 5])
        True
    """
    mean = maps.mean(axis=0)
    return np.asarray(CUT_SHARE * color_cut(image, mean) + (1 - CUT_SHARE) * mean, np.float64)


def hard_vote(maps: NDArray[np.float64], thresholds: Thresholds | None = None) -> NDArray[np.float64]:
    """Share of the four priors that call a pixel foreground (the vote behind DeepUSPS's pseudo-labels).

    Args:
        maps: (4, h, w) float64 in [0, 1]: RBD, MR, MC, DSR.
        thresholds: of a data set; 1.5 times each map's own mean when not given.

    Returns:
        (h, w) float64: 0, 1/4, 1/2, 3/4 or 1. A map of zeros marks nothing.

    Example:
        >>> from maskgen.methods.priors.vote import hard_vote
        >>> import numpy as np
        >>> maps = np.array([0.9, 0.9, 0.1, 0.1]).reshape(4, 1, 1) * np.ones((4, 2, 2))
        >>> from maskgen.methods.priors.vote import Thresholds
        >>> hard_vote(maps, Thresholds()).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    if thresholds is None:
        cuts = MEANS_PER_THRESHOLD * maps.mean(axis=(1, 2))
    else:
        cuts = np.array([thresholds.rbd, thresholds.mr, thresholds.mc, thresholds.dsr])
    return np.asarray(((maps >= cuts[:, None, None]) & (maps > 0)).mean(axis=0), np.float64)
