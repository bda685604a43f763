"""TokenCut: the object is one side of the normalized cut of the graph of a photo's patches.

Wang et al., "Self-supervised transformers for unsupervised object discovery using normalized cut", CVPR 2022
(https://arxiv.org/abs/2202.11539). With k_i the key of patch i in the last layer of a self-supervised ViT:

    E_ij = 1 if cos(k_i, k_j) > tau, else epsilon;   tau = 0.2, epsilon = 1e-5
    (D - E) y = lambda D y;   D = diag(sum_j E_ij)

y is the eigenvector of the second smallest lambda. It is cut at its mean; the patch where |y| is largest is
the seed, its side is the foreground, and the mask is that part of the foreground which holds the seed and is
connected along rows and columns.

Own: a photo none of whose patches differ (every cosine above tau) has no cut, and its mask is empty; the
authors would cut it where rounding says. The cosines are those of the released code; the paper has "at least"
where the code has "above".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAU = 0.2
EPSILON = 1e-5


def cut_tokens(keys: NDArray[Any], rows: int, columns: int) -> NDArray[np.bool_]:
    """The foreground of a grid of patches.

    Args:
        keys: (rows * columns, C) float, finite, row by row.
        rows: of the grid.
        columns: of the grid.

    Returns:
        (rows, columns) bool.

    Example:
        >>> import numpy as np
        >>> from maskgen.methods.networks.vit.cut import cut_tokens
        >>> keys = np.tile([1.0, 0.0], (12, 1))
        >>> keys[5:7] = [0.0, 1.0]
        >>> cut_tokens(keys, 3, 4).astype(int).tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    edges = affinity(keys)
    if bool((edges == 1).all()):
        return np.zeros((rows, columns), np.bool_)
    second = fiedler_vector(edges)
    seed = int(np.argmax(np.abs(second)))
    above = second > second.mean()
    side = (above if above[seed] else ~above).reshape(rows, columns)
    parts, _ = ndimage.label(side)  # pyright: ignore[reportGeneralTypeIssues]
    found: NDArray[np.bool_] = parts == parts.flat[seed]
    return found


def affinity(keys: NDArray[Any]) -> NDArray[np.float64]:
    """(N, N) symmetric: 1 between patches whose keys' cosine is above `TAU`, `EPSILON` between all others.

    Args:
        keys: (N, C). A key of zeros is like no other.
    """
    rows = keys.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(norms > 0, norms, 1)
    return np.where(rows @ rows.T > TAU, 1.0, EPSILON)


def fiedler_vector(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,): y of the second smallest lambda in (D - E) y = lambda D y; its sign is arbitrary.

    Computed as z = D^(1/2) y of the second largest eigenvalue of D^(-1/2) E D^(-1/2), which is the same.

    Args:
        edges: (N, N) symmetric and positive.
    """
    root = 1 / np.sqrt(edges.sum(1))
    matrix = root[:, None] * edges * root
    last = len(edges) - 2
    vectors: NDArray[np.float64] = linalg.eigh(
        matrix, subset_by_index=(last, last), overwrite_a=True, check_finite=False
    )[1]
    second: NDArray[np.float64] = vectors[:, 0] * root
    return second
