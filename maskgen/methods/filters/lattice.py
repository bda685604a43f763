"""The permutohedral lattice: Gaussian filtering in many dimensions in time linear in the points.

Adams, Baek and Davis, "Fast high-dimensional filtering using the permutohedral lattice", Eurographics 2010.
Points are spread over the corners of the simplex they lie in, corners are blurred along the lattice's axes,
and read back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Integers = NDArray[np.int64]

_LARGEST_KEY = 2**62


class Lattice:
    """Sums over all points of exp(-|f_i - f_j|² / 2) x_j, up to one constant factor, by lattice.

    The blur is the paper's, [1 2 1] along each axis; its kernel is close to a Gaussian, not equal.

    Args:
        features: (d, N) float32 points, in units of the Gaussian's sigma.

    Raises:
        ValueError: the points lie too far apart (more than 2^62 cells).
    """

    def __init__(self, features: Floats) -> None:
        dimensions, count = features.shape
        corner, rank, offset = enclosing_simplex(features)
        keys, strides = _vertex_keys(corner, rank)
        vertices, places = np.unique(keys.ravel(), return_inverse=True)
        points = np.tile(np.arange(count), dimensions + 1)
        weights = barycentric_weights(offset).ravel()
        self._slice = sparse.csr_matrix((weights, (points, places.ravel())), (count, len(vertices)))
        self._splat = self._slice.T.tocsr()
        self._neighbors = [_link_vertices(vertices, step) for step in _axis_steps(strides, dimensions)]

    def __call__(self, values: Floats) -> Floats:
        """Filter (N,) float32 values."""
        size = self._splat.shape[0]
        at = np.zeros(size + 1, np.float32)  # the last one stands for vertices that no point touches
        at[:-1] = self._splat @ values
        for before, after in self._neighbors:
            at[:-1] += np.float32(0.5) * (at[before] + at[after])
        return np.asarray(self._slice @ at[:-1], np.float32)


def enclosing_simplex(features: Floats) -> tuple[Integers, Integers, Floats]:
    """The simplex around each point, moved into the plane of d + 1 coordinates that sum to zero (section 3).

    Args:
        features: (d, N) float32.

    Returns:
        the remainder-0 corner as (d + 1, N) multiples of d + 1; the rank of each coordinate's offset from it,
        0 for the largest; the offsets as fractions of d + 1. All sum to zero over the coordinates, the ranks
        apart.
    """
    dimensions = len(features)
    basis = np.zeros((dimensions + 1, dimensions))
    for axis in range(dimensions):  # orthonormal vectors of the plane
        basis[: axis + 1, axis], basis[axis + 1, axis] = 1, -(axis + 1)
        basis[:, axis] /= np.sqrt((axis + 1) * (axis + 2))
    # The scale of section 3: splatting, blurring and slicing together then have variance 1 in the features.
    lifted = (np.sqrt(2 / 3) * basis).astype(np.float32) @ features
    corner = np.rint(lifted)
    offset = lifted - corner
    rank = np.zeros(offset.shape, np.int64)
    for i in range(1, dimensions + 1):
        for j in range(i):
            smaller = offset[j] < offset[i]
            rank[j] += smaller
            rank[i] += ~smaller
    rank += corner.sum(axis=0).astype(np.int64)  # rounding left the plane: turn the ranks until it is reached
    step = (rank < 0).astype(np.int64) - (rank > dimensions)
    rank += (dimensions + 1) * step
    return corner.astype(np.int64) + step, rank, offset - step


def barycentric_weights(offset: Floats) -> Floats:
    """Weights of the d + 1 corners of each point's simplex (proposition 4.2), (d + 1, N) >= 0 with sum 1."""
    ascending = np.sort(offset, axis=0)
    first = 1 + ascending[:1] - ascending[-1:]
    return np.concatenate([first, np.diff(ascending, axis=0)])


def _vertex_keys(corner: Integers, rank: Integers) -> tuple[Integers, Integers]:
    """One number for each corner of each simplex, (d + 1, N).

    Beside them, what one step along a coordinate adds to a number.
    """
    dimensions, count = len(corner) - 1, corner.shape[1]
    spread = (dimensions + 1) * corner[:dimensions]
    margin = 2 * (dimensions + 1)
    low, high = spread.min(axis=1) - margin, spread.max(axis=1) + margin
    spans = [int(span) for span in high - low + 1]
    if np.prod(np.array(spans, object)) > _LARGEST_KEY:
        raise ValueError(f"points spread over {spans} cells; use a larger sigma")
    strides = np.cumprod([1, *spans[:-1]], dtype=np.int64)
    keys = np.empty((dimensions + 1, count), np.int64)
    keys[0] = strides @ (spread - low[:, None])
    stride_at_rank = np.zeros((dimensions + 1, count), np.int64)
    for coordinate in range(dimensions):
        stride_at_rank[rank[coordinate], np.arange(count)] = strides[coordinate]
    for k in range(
        1, dimensions + 1
    ):  # corner k: one more everywhere, d + 1 less where the rank is d + 1 - k
        keys[k] = keys[k - 1] + strides.sum() - (dimensions + 1) * stride_at_rank[dimensions + 1 - k]
    return keys, strides


def _axis_steps(strides: Integers, dimensions: int) -> list[int]:
    """What one step along each of the d + 1 lattice axes adds to a key.

    One everywhere, less d + 1 on that axis.
    """
    total = int(strides.sum())
    return [total - (dimensions + 1) * int(stride) for stride in strides] + [total]


def _link_vertices(vertices: Integers, step: int) -> tuple[Integers, Integers]:
    """Index of the vertex `step` below and above each; len(vertices) where there is none."""
    size = len(vertices)
    place = np.minimum(np.searchsorted(vertices, vertices + step), size - 1)
    found = vertices[place] == vertices + step
    after = np.where(found, place, size)
    before = np.full(size, size)
    before[place[found]] = np.flatnonzero(found)
    return before, after
