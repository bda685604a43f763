"""MR: saliency detection by graph-based manifold ranking (Yang, Zhang, Lu, Ruan and Yang, CVPR 2013).

Superpixels are ranked by likeness to each image side as background, then by likeness to the foreground found so.
The authors' release says that the method is patented (OMRON): check before commercial use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from maskgen.methods.frame import at_working_size
from maskgen.methods.graph import adjacency, distances, minmax, two_hop, with_clique
from maskgen.methods.superpixels import mean_lab, members, segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB, SoftMask

SUPERPIXELS = 200
THETA = 10.0  # 1/sigma² of the paper, for distances stretched to [0, 1]
ALPHA = 0.99
LEAST_WEIGHT = 1e-5


def mr(image: RGB) -> SoftMask:
    """Saliency by manifold ranking, both stages of the paper.

    Worked at a long side of 400 px; a frame is 0 in the result. Deviation: frames are found by the Sobel rule of the
    RBD release, whose port of MR does the same, not by Canny edges; on 333 ECSSD photos the two differ on three.

    Args:
        image: (H, W, 3) uint8 RGB, any size from 1 x 1.

    Returns:
        (H, W) float32 in [0, 1]; all 0 when nothing stands out, as in a plain image.
    """
    return at_working_size(image, _saliency)


def _saliency(image: RGB) -> NDArray[np.float64]:
    labels = segment(image, SUPERPIXELS)
    count = int(labels.max()) + 1
    sides = np.stack([members(side, count) for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1])])
    border = np.asarray(sides.any(axis=0), np.bool_)
    colour = distances(mean_lab(image, labels))
    weights = affinity(colour, ranking_graph(adjacency(labels, count, diagonal=True), border))
    if not weights.any():
        return np.zeros(labels.shape)
    rank = ranking_matrix(weights)
    first = background_stage(rank, sides)
    query = first >= first.mean()
    return minmax(rank @ query)[labels]


def ranking_graph(neighbours: NDArray[np.bool_], border: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Link all border superpixels, then everything one or two steps apart (section 3.1; the clique comes first).

    Args:
        neighbours: (N, N) bool adjacency.
        border: (N,) bool.
    """
    return two_hop(with_clique(neighbours, border))


def affinity(colour: NDArray[np.float64], edges: NDArray[np.bool_]) -> NDArray[np.float64]:
    """exp(-10 d) + 1e-5 on the edges, d stretched to [0, 1] over them (equation 4).

    Args:
        colour: (N, N) CIELAB distances.
        edges: (N, N) bool, symmetric, no self loops.

    Returns:
        (N, N) float64, 0 off the edges; all 0 when all the edges are equally long and rank nothing.
    """
    weights = np.zeros_like(colour)
    lengths = minmax(colour[edges]) if edges.any() else np.zeros(0)
    if lengths.any():
        weights[edges] = np.exp(-THETA * lengths) + LEAST_WEIGHT
    return weights


def ranking_matrix(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D - 0.99 W)⁻¹ with its diagonal set to 0, so that no query ranks itself (equation 3 and section 4.1).

    Args:
        weights: (N, N) symmetric affinities; every node has one.

    Returns:
        (N, N) float64; its product with a (N,) query indicator ranks the nodes.
    """
    matrix = np.asarray(np.linalg.inv(np.diag(weights.sum(axis=1)) - ALPHA * weights), np.float64)
    np.fill_diagonal(matrix, 0)
    return matrix


def background_stage(rank: NDArray[np.float64], sides: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Product over the four sides of how unlike that side each node is, in [0, 1] (equations 5 and 6).

    Args:
        rank: (N, N) ranking matrix.
        sides: (4, N) bool, the superpixels on each side.

    Returns:
        (N,) float64 in [0, 1].
    """
    unlike = [1 - minmax(rank @ side) for side in sides]
    return minmax(np.prod(unlike, axis=0))
