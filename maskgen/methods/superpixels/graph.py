"""Graphs of superpixels as dense (N, N) arrays: who is a neighbor, how far, how alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

THETA = 10.0  # 1/sigma² of MR and MC, for distances stretched to [0, 1]
LEAST_WEIGHT = 1e-5

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .slic import Labels


def adjacency(labels: Labels, count: int, *, diagonal: bool) -> NDArray[np.bool_]:
    """Which superpixels share an edge, or with `diagonal` also a corner.

    Args:
        labels: (H, W) superpixels 0 .. N-1.
        count: N.
        diagonal: 8-neighborhood of pixels instead of 4.

    Returns:
        (N, N) bool, symmetric; its diagonal is False.

    Example:
        >>> from maskgen.methods.superpixels.graph import adjacency
        >>> import numpy as np
        >>> adjacency(np.array([[0, 1, 2]], np.int32), 3, diagonal=False).astype(int).tolist()
        [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    """
    pairs = [(labels[:-1], labels[1:]), (labels[:, :-1], labels[:, 1:])]
    if diagonal:
        pairs += [(labels[:-1, :-1], labels[1:, 1:]), (labels[:-1, 1:], labels[1:, :-1])]
    touching = np.zeros((count, count), np.bool_)
    for one, other in pairs:
        crossing = one != other
        touching[one[crossing], other[crossing]] = True
    return touching | touching.T


def add_clique(edges: NDArray[np.bool_], nodes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The (N, N) graph with every pair of the (N,) bool `nodes` linked; no self loops.

    Example:
        >>> from maskgen.methods.superpixels.graph import add_clique
        >>> import numpy as np
        >>> add_clique(np.zeros((3, 3), np.bool_), np.array([True, False, True])).astype(int).tolist()
        [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    """
    joined = edges | np.outer(nodes, nodes)
    np.fill_diagonal(joined, val=False)
    return joined


def two_hop(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The (N, N) graph that links nodes one or two steps apart; no self loops.

    Example:
        >>> from maskgen.methods.superpixels.graph import two_hop
        >>> import numpy as np
        >>> chain = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.bool_)
        >>> two_hop(chain).astype(int).tolist()
        [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    steps = edges.astype(np.float32)  # BLAS multiplies floats, numpy loops over bools
    reached = edges | (steps @ steps > 0)
    np.fill_diagonal(reached, val=False)
    return reached


def distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distance of every pair of (N, D) points, (N, N) float64.

    Example:
        >>> from maskgen.methods.superpixels.graph import distances
        >>> import numpy as np
        >>> distances(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
        [[0.0, 5.0], [5.0, 0.0]]
    """
    return np.asarray(cdist(points, points), np.float64)


def geodesic_distances(
    edges: NDArray[np.bool_], lengths: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    """Length of the shortest path between every two nodes.

    Args:
        edges: (N, N) bool, symmetric.
        lengths: (N, N) float64 >= 0, symmetric: the length of each edge.
        limit: paths longer than this need not be known.

    Returns:
        (N, N) float64; inf beyond `limit` or without a path.
    """
    rows, columns = np.nonzero(edges)
    # csgraph takes a stored zero for "no edge", and a zero length is the rule inside plain regions.
    stored = np.maximum(lengths[rows, columns], 1e-12)
    graph = csr_array((stored, (rows, columns)), shape=edges.shape)
    shortest: NDArray[np.float64] = dijkstra(graph, directed=True, limit=limit)
    return shortest


def similarity(distance: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """exp(-d²/2σ²), and 0 beyond 3σ: the cut that the RBD release applies to each of its Gaussians.

    Example:
        >>> from maskgen.methods.superpixels.graph import similarity
        >>> import numpy as np
        >>> similarity(np.array([0.0, 1.0]), 1.0).round(3).tolist()
        [1.0, 0.607]
    """
    sigma = max(sigma, 1e-6)  # a plain image has σ = 0: equal colors stay alike, others are not
    return np.where(distance > 3 * sigma, 0.0, np.exp(-0.5 * np.square(np.minimum(distance / sigma, 4))))


def affinity(color: NDArray[np.float64], edges: NDArray[np.bool_]) -> NDArray[np.float64]:
    """exp(-10 d) + 1e-5 on the edges, d stretched to [0, 1] over them (equation 4 of MR; MC the same).

    Args:
        color: (N, N) CIELAB distances.
        edges: (N, N) bool, symmetric, no self loops.

    Returns:
        (N, N) float64, 0 off the edges; all 0 when all the edges are equally long and rank nothing.
    """
    weights = np.zeros_like(color)
    lengths = minmax(color[edges]) if edges.any() else np.zeros(0)
    if lengths.any():
        weights[edges] = np.exp(-THETA * lengths) + LEAST_WEIGHT
    return weights


def minmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stretch values to [0, 1]; values that are all the same become 0, they tell nothing apart.

    Example:
        >>> from maskgen.methods.superpixels.graph import minmax
        >>> import numpy as np
        >>> minmax(np.array([2.0, 3.0, 6.0])).tolist(), minmax(np.array([2.0, 2.0])).tolist()
        ([0.0, 0.25, 1.0], [0.0, 0.0])
    """
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return np.zeros_like(values)
    return (values - low) / (high - low)
