"""Sums over superpixels, many channels at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sum_over(values: NDArray[np.float64], labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Sums of (P, C) values over the superpixels of (P,) labels, (count, C) float64.

    As one product with the sparse matrix of who belongs where, which reads a pixel's channels together; each
    sum is added up in the pixels' order, as `numpy.bincount` does.

    Example:
        >>> from maskgen.methods.superpixels.sums import sum_over
        >>> import numpy as np
        >>> sum_over(np.array([[1.0], [3.0], [8.0]]), np.array([0, 0, 1], np.int32), 3).tolist()
        [[4.0], [8.0], [0.0]]
    """
    one_each = np.arange(len(labels) + 1, dtype=np.int32)
    members = csc_array((np.ones(len(labels)), labels, one_each), shape=(count, len(labels)))
    return np.asarray(members @ values, np.float64)
