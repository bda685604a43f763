"""SLIC superpixels (Achanta et al., TPAMI 2012), one matrix product a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .sums import sum_over

if TYPE_CHECKING:
    from maskgen.types import RGB

Labels: TypeAlias = NDArray[np.int32]
"""(H, W) int32: each pixel's superpixel, 0 .. N-1, none empty."""

COMPACTNESS = 20.0
ITERATIONS = 10
MIN_SUPERPIXELS = 20
MIN_CELL_PX = 8
FAR = 1e9  # score of a neighbor outside the grid


class Grid(NamedTuple):
    """Where the seeds lie: one at the middle of each of rows x columns equal cells.

    Args:
        rows: cells from top to bottom.
        columns: cells from left to right.
        side_px: the length S that the compactness is measured against, px of the image.
        cell_px: side of a cell in the smaller image that the clustering works on, px of that image.
    """

    rows: int
    columns: int
    side_px: float
    cell_px: int


def segment(image: RGB, count: int, compactness: float = COMPACTNESS) -> Labels:
    """Cluster pixels by d_lab² + (m/S)² d_xy², S² = HW/count, in ten k-means steps; join pieces below S²/4.

    Deviations from the release. A pixel is compared with the seeds of its own and the eight next cells, not
    with all seeds that have come within S of it, so that a step is one batched matrix product. The clustering
    works at half size and its labels are enlarged by nearest neighbor. A seed starts as its cell's mean, not
    as one pixel. Together a sixth of the time of scikit-image's SLIC; RBD and MR score the same with either
    (maxF within .01 on 111 ECSSD photos, which is what a change of the superpixel count moves it by).

    Args:
        image: (H, W, 3) uint8 RGB.
        count: superpixels asked for; fewer or more may come out. At least 20 are used, at most one per pixel.
        compactness: m of the paper, in CIELAB units.

    Returns:
        (H, W) int32 labels 0 .. N-1, none empty, each in one piece.

    Example:
        >>> from maskgen.methods.superpixels.slic import segment
        >>> import numpy as np
        >>> labels = segment(np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8), 20)
        >>> labels.shape, bool(labels.max() > 5)
        ((60, 80), True)
    """
    height, width = image.shape[:2]
    count = max(count, MIN_SUPERPIXELS)
    if count >= height * width:
        return np.arange(height * width, dtype=np.int32).reshape(height, width)
    grid = seed_grid(height, width, count)
    features = cell_features(image, grid, compactness)
    labels = cluster(features, neighbor_cells(grid), ITERATIONS)
    side = grid.cell_px
    tiled = labels.reshape(grid.rows, grid.columns, side, side).transpose(0, 2, 1, 3)
    joined = join_small_pieces(tiled.reshape(grid.rows * side, grid.columns * side), side * side // 4)
    rows = np.arange(height) * joined.shape[0] // height
    columns = np.arange(width) * joined.shape[1] // width
    return joined[np.ix_(rows, columns)]


def seed_grid(height: int, width: int, count: int) -> Grid:
    """Lay about `count` seeds on an image of height x width px.

    Example:
        >>> from maskgen.methods.superpixels.slic import seed_grid
        >>> from maskgen.methods.superpixels.slic import Grid
        >>> grid = seed_grid(60, 80, 12)
        >>> isinstance(grid, Grid)
        True
    """
    side = float(np.sqrt(height * width / count))
    if min(height, width) < side:  # a strip narrower than one superpixel is cut along its length only
        side = max(height, width) / count
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    cell = min(max(round(side / 2), MIN_CELL_PX), height // rows, width // columns)
    return Grid(rows, columns, side, max(1, cell))


def cell_features(image: RGB, grid: Grid, compactness: float) -> NDArray[np.float32]:
    """What the clustering compares, cell by cell.

    Args:
        image: (H, W, 3) uint8 RGB.
        grid: the cells.
        compactness: m of the paper.

    Returns:
        (cells, 6, P) float32 of each cell's P pixels: L, a, b, y and x times m/S, and 1.
    """
    rows, columns, side, cell = grid
    small = cv2.resize(
        np.ascontiguousarray(image), (columns * cell, rows * cell), interpolation=cv2.INTER_AREA
    )
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    features = np.empty((rows, columns, 6, cell, cell), np.float32)
    features[:, :, :3] = lab.reshape(rows, cell, columns, cell, 3).transpose(0, 2, 4, 1, 3)
    y = np.arange(rows * cell, dtype=np.float32) * (compactness / side * image.shape[0] / (rows * cell))
    x = np.arange(columns * cell, dtype=np.float32) * (compactness / side * image.shape[1] / (columns * cell))
    features[:, :, 3] = y.reshape(rows, 1, cell, 1)
    features[:, :, 4] = x.reshape(1, columns, 1, cell)
    features[:, :, 5] = 1
    return features.reshape(rows * columns, 6, cell * cell)


def neighbor_cells(grid: Grid) -> NDArray[np.int32]:
    """Each cell and its eight neighbors, (cells, 9) int32, itself first.

    What is outside the grid is the number of cells.
    """
    rows, columns = grid.rows, grid.columns
    numbers = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    padded = np.pad(numbers, 1, constant_values=rows * columns)
    shifts = [padded[dy : dy + rows, dx : dx + columns].ravel() for dy in (1, 0, 2) for dx in (1, 0, 2)]
    return np.stack(shifts, axis=1)


def cluster(
    features: NDArray[np.float32], neighbors: NDArray[np.int32], iterations: int
) -> NDArray[np.int32]:
    """k-means in which each pixel chooses among the clusters of its own and the neighboring cells.

    Args:
        features: (cells, 6, P) float32, the last of the six 1.
        neighbors: (cells, 9) int32.
        iterations: assignment steps.

    Returns:
        (cells, P) int32 cluster of each pixel.
    """
    cells = len(features)
    pixels = np.ascontiguousarray(features.transpose(0, 2, 1), np.float64).reshape(-1, 6)
    centers = features[:, :5].mean(axis=2)
    labels = assign(features, centers, neighbors)
    for _ in range(iterations - 1):
        sums = sum_over(pixels, labels.ravel(), cells)
        sums, size = sums[:, :5], sums[:, 5:]
        centers = np.where(size > 0, sums / np.maximum(size, 1), centers)
        labels = assign(features, centers.astype(np.float32), neighbors)
    return labels


def assign(
    features: NDArray[np.float32], centers: NDArray[np.float32], neighbors: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The nearest of nine centers for every pixel: argmin |c|² - 2 c·p, which is |p - c|² less |p|².

    Args:
        features: (cells, 6, P) float32, the last of the six 1.
        centers: (cells, 5) float32.
        neighbors: (cells, 9) int32; an entry equal to the number of cells is never chosen.

    Returns:
        (cells, P) int32.
    """
    scoring = np.zeros((len(centers) + 1, 6), np.float32)
    scoring[:-1, :5] = -2 * centers
    scoring[:-1, 5] = np.square(centers).sum(axis=1)
    scoring[-1, 5] = FAR
    scores = np.empty((9, len(features), features.shape[2]), np.float32)
    np.matmul(scoring[neighbors], features, out=scores.transpose(1, 0, 2))
    best, chosen = scores[0], np.zeros(scores.shape[1:], np.uint8)
    for k in range(1, 9):
        nearer = scores[k] < best
        best = np.minimum(best, scores[k])
        np.maximum(chosen, nearer.view(np.uint8) * np.uint8(k), out=chosen)
    return neighbors.ravel()[chosen + 9 * np.arange(len(neighbors))[:, None]]


def join_small_pieces(labels: NDArray[np.int32], area_px: int) -> Labels:
    """Give each connected piece of at most `area_px` pixels to the piece above or left of its first pixel.

    Larger pieces of one cluster become superpixels of their own, as in the release.

    Args:
        labels: (H, W) int32, clusters that may lie in several pieces.
        area_px: largest area of a piece that is given away.

    Returns:
        (H, W) int32, 0 .. N-1, every one 4-connected.
    """
    pieces = connected_pieces(labels)
    flat = pieces.ravel()
    size = np.bincount(flat)
    first = np.empty(size.size, np.int64)
    first[flat[::-1]] = np.arange(flat.size)[::-1]
    before = np.where(first >= labels.shape[1], first - labels.shape[1], first - 1)
    target = np.where((size <= area_px) & (first > 0), flat[before], np.arange(size.size))
    while not np.array_equal(target, target[target]):  # small pieces in a row: follow them to a large one
        target = target[target]
    return close_gaps(target[pieces])


def connected_pieces(labels: NDArray[np.int32]) -> Labels:
    """Number the 4-connected pieces of equal labels, in the order of their first pixels.

    OpenCV joins what is on in a picture of twice the size: every pixel, and the place between two neighbors
    where their labels are equal.

    Args:
        labels: (H, W) int32.

    Returns:
        (H, W) int32, 0 .. N-1.

    Example:
        >>> from maskgen.methods.superpixels.slic import connected_pieces
        >>> import numpy as np
        >>> connected_pieces(np.array([[7, 3, 7], [7, 7, 3]], np.int32)).tolist()
        [[0, 1, 2], [0, 0, 3]]
    """
    height, width = labels.shape
    joined = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    joined[::2, ::2] = 1
    joined[::2, 1::2] = labels[:, 1:] == labels[:, :-1]
    joined[1::2, ::2] = labels[1:] == labels[:-1]
    # Of OpenCV's algorithms, the one of Wu numbers pieces in the order in which it comes upon them.
    found = cv2.connectedComponentsWithAlgorithm(joined, 4, cv2.CV_32S, cv2.CCL_WU)[1]
    return np.asarray(found[::2, ::2] - 1, np.int32)


def close_gaps(labels: NDArray[Any]) -> Labels:
    """Renumber labels 0 .. N-1 in their order.

    Example:
        >>> from maskgen.methods.superpixels.slic import close_gaps
        >>> import numpy as np
        >>> close_gaps(np.array([[7, 7, 3]])).tolist()
        [[1, 1, 0]]
    """
    used = np.bincount(labels.ravel()) > 0
    renumbered: Labels = (np.cumsum(used, dtype=np.int32) - 1)[labels]
    return renumbered
