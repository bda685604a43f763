"""MC: saliency detection via absorbing Markov chain (Jiang, Zhang, Lu, Yang and Yang, ICCV 2013).

A random walk over superpixels ends when it reaches the image border. Walks that start in an object take long
to get there, because steps between unlike colors are rare. Constants are those of the authors' release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..superpixels.features import border_members, mean_lab
from ..superpixels.graph import adjacency, affinity, distances, minmax, two_hop
from .scene import Scene, prepare, restore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB, SoftMask

    from ..superpixels.slic import Labels

SUPERPIXELS = 250
LEAST_DEGREE = 1.1  # a superpixel whose neighbors all differ is an outlier; its link to itself alone counts 1
FRAME_LINKS = 13.0
LEAST_SPREAD = 2.0
OUTLIER_NEIGHBOR = 0.3


def mc(image: RGB) -> SoftMask:
    """Saliency as the time to absorption at the image border.

    Worked at a long side of 400 px. Deviation: an artificial frame is cut off first, by the rule of the RBD
    release, and is 0 in the result; the release has only its rule for a border layer that is cut off from the
    rest (`absorbing_border`), which stays in use.

    Args:
        image: (H, W, 3) uint8 RGB, any size from 1 x 1.

    Returns:
        (H, W) float32 in [0, 1]; all 0 when nothing stands out, as in a plain image.

    Example:
        >>> from maskgen.methods.priors.mc import mc
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> mask = mc(photo)
        >>> mask.shape, bool(mask[25:35, 35:45].min() > mask[:10].max())
        ((60, 80), True)
    """
    scene = prepare(image)
    return restore(scene, mc_map(scene))


def mc_map(scene: Scene) -> NDArray[np.float64]:
    """`mc` on a prepared photo: the map of `scene.image`, (h, w) float64 in [0, 1].

    Example:
        >>> from maskgen.methods.priors.mc import mc_map
        >>> import numpy as np
        >>> from maskgen.methods.priors.scene import prepare
        >>> scene = prepare(np.zeros((60, 80, 3), np.uint8))
        >>> mc_map(scene).any().item()
        False
    """
    labels = scene.labels(SUPERPIXELS)
    count = int(labels.max()) + 1
    neighbors = adjacency(labels, count, diagonal=True)
    color = distances(mean_lab(scene.image, labels))
    weights = affinity(color, two_hop(neighbors | opposite_sides(labels, count)))
    weights += np.eye(count)
    border, frame = absorbing_border(border_members(labels, count, 1), neighbors, weights)
    outlier = weights.sum(axis=1) < LEAST_DEGREE
    border &= ~outlier
    kept = ~(outlier | frame)
    saliency = np.zeros(count)
    if border.any() and not border[kept].all():
        leaving = weights[np.ix_(kept, border)].sum(axis=1)
        saliency[kept] = chain_saliency(weights[np.ix_(kept, kept)], weights.sum(axis=1)[kept], leaving)
    rescued = outlier & (neighbors & (saliency > OUTLIER_NEIGHBOR)).any(axis=1)
    return np.where(rescued, 1.0, saliency)[labels]


def opposite_sides(labels: Labels, count: int) -> NDArray[np.bool_]:
    """Links between the top and the bottom pixel of each column and the left and right pixel of each row.

    Args:
        labels: (H, W) superpixels 0 .. N-1.
        count: N.

    Returns:
        (N, N) bool, symmetric; its diagonal is False.
    """
    linked = np.zeros((count, count), np.bool_)
    linked[labels[0], labels[-1]] = True
    linked[labels[:, 0], labels[:, -1]] = True
    np.fill_diagonal(linked, val=False)
    return linked | linked.T


def absorbing_border(
    border: NDArray[np.bool_], neighbors: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The nodes at which walks end, and those left out because they are a frame (not in the paper).

    Border superpixels that are nearly cut off from their inner neighbors (total weight at most 13) are a
    frame; the walks then end at the layer inside it.

    Args:
        border: (N,) bool, superpixels on the outermost pixels.
        neighbors: (N, N) bool adjacency.
        weights: (N, N) affinities.

    Returns:
        (N,) bool absorbing nodes and (N,) bool frame nodes.
    """
    inward = neighbors & np.outer(border, ~border)
    if weights[inward].sum() > FRAME_LINKS or not inward.any():
        return border.copy(), np.zeros_like(border)
    return np.asarray(inward.any(axis=0), np.bool_), border.copy()


def chain_saliency(
    weights: NDArray[np.float64], degree: NDArray[np.float64], leaving: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Absorbed time of each transient node, weighted by rarity where the time alone leaves much undecided.

    Where many nodes have middle values (the release's rule), visits to a node count the
    more the rarer it is in the chain's equilibrium, so that large homogeneous centers do not pass for
    objects.

    Args:
        weights: (N, N) affinities among the transient nodes, 1 on the diagonal.
        degree: (N,) row sums over all nodes.
        leaving: (N,) weight of the step into an absorbing node; these are copies of the border nodes.

    Returns:
        (N,) float64 in [0, 1].
    """
    transition = weights / (degree + leaving)[:, None]
    time = minmax(expected_visits(transition, np.ones_like(degree)))
    if middle_share(time) < LEAST_SPREAD:
        return time
    return minmax(expected_visits(transition, degree.sum() / degree))


def expected_visits(transition: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of `value` over the nodes that a walk visits before it ends: (I - Q)⁻¹ v (v = 1: its time).

    Args:
        transition: (N, N) probabilities Q among transient nodes; some rows sum to less than 1.
        value: (N,) worth of one visit.

    Returns:
        (N,) float64, by starting node.

    Example:
        >>> from maskgen.methods.priors.mc import expected_visits
        >>> import numpy as np
        >>> expected_visits(np.array([[0.0, 0.5], [0.5, 0.0]]), np.ones(2)).tolist()
        [2.0, 2.0]
    """
    return np.asarray(np.linalg.solve(np.eye(len(value)) - transition, value), np.float64)


def middle_share(values: NDArray[np.float64]) -> float:
    """Mean of min(j, 11 - j) over values in [0, 1], j = 1..10 the tenth a value lies in.

    1 is sharp, 5 is gray.

    Example:
        >>> from maskgen.methods.priors.mc import middle_share
        >>> import numpy as np
        >>> middle_share(np.array([0.05, 0.95])), middle_share(np.array([0.45, 0.55]))
        (1.0, 5.0)
    """
    tenth = np.minimum(np.floor(10 * values), 9) + 1
    return float(np.minimum(tenth, 11 - tenth).mean())
