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
    """The (N, N) graph with every pair of the (N,) bool `nodes` linked; no self loops."""
    joined = edges | np.outer(nodes, nodes)
    np.fill_diagonal(joined, val=False)
    return joined


def two_hop(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The (N, N) graph that links nodes one or two steps apart; no self loops."""
    steps = edges.astype(np.float32)  # BLAS multiplies floats, numpy loops over bools
    reached = edges | (steps @ steps > 0)
    np.fill_diagonal(reached, val=False)
    return reached


def distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distance of every pair of (N, D) points, (N, N) float64."""
    matrix: NDArray[np.float64] = cdist(points, points)
    return matrix


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
    """exp(-d²/2σ²), and 0 beyond 3σ: the cut that the RBD release applies to each of its Gaussians."""
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
    """Stretch values to [0, 1]; values that are all the same become 0, they tell nothing apart."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return np.zeros_like(values)
    return (values - low) / (high - low)
