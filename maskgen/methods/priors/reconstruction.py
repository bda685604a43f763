"""How badly background templates explain a region.

Dense (PCA) and sparse (lasso) reconstruction, and clusters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PCA_ENERGY = 0.95
LASSO_WEIGHT = 0.01
LASSO_STEPS = 150
LASSO_PENALTY = 0.1  # of ADMM; of 0.3, 0.1, 0.03 and 0.01 the fastest to converge on photos
OVER_RELAXATION = 1.6
LLOYD_STEPS = 200


def dense_error(features: NDArray[np.float64], templates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each feature from the span of the templates' principal components.

    The components reach 95 % of the templates' variance, and one more, as in the release; features are
    centered by their own mean, not by the templates'.

    Args:
        features: (N, D).
        templates: (M, D).

    Returns:
        (N,) float64 >= 0.

    Example:
        >>> from maskgen.methods.priors.reconstruction import dense_error
        >>> import numpy as np
        >>> templates = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
        >>> bool(dense_error(np.array([[3.0, 3.0]]), templates)[0] > dense_error(templates, templates).max())
        False
    """
    spread = templates - templates.mean(axis=0)
    energy, directions = np.linalg.eigh(spread.T @ spread)
    energy, directions = np.maximum(energy[::-1], 0), directions[:, ::-1]
    reached = np.cumsum(energy) >= PCA_ENERGY * energy.sum()
    basis = directions[:, : int(np.argmax(reached)) + 2]
    centered = features - features.mean(axis=0)
    return np.asarray(np.linalg.norm(centered - centered @ basis @ basis.T, axis=1), np.float64)


def sparse_error(features: NDArray[np.float64], templates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared error of the lasso reconstruction from the templates, all of unit length.

    Args:
        features: (N, D).
        templates: (M, D).

    Returns:
        (N,) float64 >= 0.
    """
    targets, atoms = _unit(features).T, _unit(templates).T
    residual = targets - atoms @ lasso(atoms, targets, LASSO_WEIGHT, LASSO_STEPS)
    return np.asarray(np.square(residual).sum(axis=0), np.float64)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float64)


def lasso(
    atoms: NDArray[np.float64], targets: NDArray[np.float64], weight: float, steps: int
) -> NDArray[np.float64]:
    """Minimize ½|x - B a|² + weight |a|₁ for every column x by ADMM (Boyd et al., 2011, section 6.4).

    The release solves it by LARS with at most D non-zeros, of which a lasso solution has no more anyway. The
    atoms of one image's border are much alike, which slows gradient methods: on nine photos 100 steps end 0.2
    % above the least objective, 100 steps of FISTA 8 %. Single precision halves the time.

    Args:
        atoms: (D, M) dictionary B of unit columns.
        targets: (D, N) columns x.
        weight: of the 1-norm.
        steps: iterations.

    Returns:
        (M, N) float64 coefficients.
    """
    # (B'B + pI)⁻¹ = (I - K B) / p with K = B'(pI + BB')⁻¹, a D x D inverse instead of an M x M one
    inner = LASSO_PENALTY * np.eye(len(atoms)) + atoms @ atoms.T
    gain = np.linalg.solve(inner, atoms).T.astype(np.float32)
    dictionary = atoms.astype(np.float32)
    fit = dictionary.T @ targets.astype(np.float32)
    limit = np.float32(weight / LASSO_PENALTY)
    codes, dual, moved, held = np.zeros_like(fit), np.zeros_like(fit), np.empty_like(fit), np.empty_like(fit)
    for _ in range(steps):  # in place: new arrays cost as much as what is computed
        np.subtract(codes, dual, out=moved)
        moved *= LASSO_PENALTY
        moved += fit
        moved -= np.matmul(gain, dictionary @ moved, out=held)
        moved /= LASSO_PENALTY
        moved *= OVER_RELAXATION
        moved += np.multiply(codes, 1 - OVER_RELAXATION, out=held)
        moved += dual
        np.clip(moved, -limit, limit, out=dual)
        np.subtract(moved, dual, out=codes)
    return codes.astype(np.float64)


def k_means(points: NDArray[np.float64], clusters: int, seed: int) -> NDArray[np.int64]:
    """Cluster points by Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii, SODA 2007).

    Args:
        points: (N, D).
        clusters: K; at most N are used.
        seed: of the choice of the first centers.

    Returns:
        (N,) int64 cluster of each point, 0 .. K-1.

    Example:
        >>> from maskgen.methods.priors.reconstruction import k_means
        >>> import numpy as np
        >>> labels = k_means(np.array([[0.0], [0.1], [5.0], [5.1]]), 2, seed=0)
        >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
        True
    """
    rng = np.random.default_rng(seed)
    centers = points[rng.integers(len(points))][None]
    while len(centers) < min(clusters, len(points)):
        gap = _squared_distances(points, centers).min(axis=1)
        share = gap / gap.sum() if gap.sum() > 0 else None
        centers = np.concatenate([centers, points[rng.choice(len(points), p=share)][None]])
    labels = np.full(len(points), -1)
    for _ in range(LLOYD_STEPS):
        nearest = _squared_distances(points, centers).argmin(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        members = np.equal.outer(np.arange(len(centers)), labels)
        size = members.sum(axis=1, keepdims=True)
        centers = np.where(size > 0, members @ points / np.maximum(size, 1), centers)
    return labels


def _squared_distances(points: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(points, centers, "sqeuclidean"), np.float64)


def propagate(
    errors: NDArray[np.float64], features: NDArray[np.float64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Even out errors within each cluster, from the largest error to the smallest.

    e_i becomes ½ e_i + ½ of the mean of its cluster, weighted by likeness, and later nodes see it. One pass
    in a fixed order is one step of Gauss-Seidel, so a triangular system for each cluster gives it.

    Args:
        errors: (N, E), E kinds of errors, each evened out by itself.
        features: (N, D).
        labels: (N,) cluster of each.

    Returns:
        (N, E) float64.
    """
    variance = max(float(features.var(axis=0).mean()), 1e-12)
    evened = np.empty_like(errors)
    for cluster in range(int(labels.max()) + 1):
        rows = np.flatnonzero(labels == cluster)
        kernel = np.exp(-_squared_distances(features[rows], features[rows]) / (2 * variance))
        np.fill_diagonal(kernel, 0)
        mixing = 0.5 * kernel / np.maximum(kernel.sum(axis=1, keepdims=True), 1e-12)
        for kind, error in enumerate(errors[rows].T):
            order = np.argsort(error, kind="stable")[::-1]
            evened[rows[order], kind] = _one_pass(mixing[np.ix_(order, order)], error[order])
    return evened


def _one_pass(mixing: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (n,) solution of x = ½ e + L x + U e, where L and U are what lies below and above the diagonal."""
    from scipy.linalg import solve_triangular

    known = 0.5 * error + np.triu(mixing) @ error
    return np.asarray(
        solve_triangular(-mixing, known, lower=True, unit_diagonal=True, check_finite=False), np.float64
    )
