"""Which samples of a data set are taken: drawn by a seed, over all, by class or long-tailed, or named by key.

A draw depends on the keys, the labels and the seed alone, so that a run of stage one and a loader over
shards of the whole source choose the same samples.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass
from os import PathLike
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..config.counted import counted
from ..config.run_config import SAMPLE_BY
from ..errors import UsageError
from ..types import Label
from .named import NamedSamples

_LEAST = 5
"""Images that a class of a long-tailed sample keeps, where it has them: as in ImageNet-LT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """A part of a data set.

    Args:
        sample: images to draw, 0 for all.
        seed: of the draw, 0..2**31.
        by: ``images``: each is as likely as any other; ``classes``: as many of each class as it allows;
            ``pareto``: a long tail of classes, see `class_sizes`.
        alpha: of the Pareto law.
        keys: a file that names the samples to take, or to draw from, one a line: a key, or a photo's path,
            see `NamedSamples`.

    Raises:
        UsageError: a value out of its range.

    Example:
        >>> from maskgen.shards.subset import Subset
        >>> bool(Subset()), bool(Subset(sample=100, seed=1, by="classes"))
        (False, True)
    """

    sample: int = 0
    seed: int = 0
    by: str = "images"
    alpha: float = 6.0
    keys: str | PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.sample < 0 or not 0 <= self.seed <= 2**31 or not 0.1 <= self.alpha <= 1000:
            raise UsageError(
                f"{self} is out of range", remedy="sample from 0, seed from 0 to 2**31, alpha from .1 to 1000"
            )
        if self.by not in SAMPLE_BY:
            raise UsageError(f"a subset by {self.by!r}", remedy=f"one of {', '.join(SAMPLE_BY)}")

    def __bool__(self) -> bool:
        return bool(self.sample or self.keys)

    @property
    def needs_labels(self) -> bool:
        """Whether it depends on the samples' classes."""
        return bool(self.sample) and self.by != "images"


class SubsetDraw:
    """A subset of samples that are told one by one: 17 bytes of memory for each.

    Args:
        subset: which.
        root: the source's folder, with which the paths of the file of keys may begin.

    Raises:
        UsageError: the file of keys cannot be read, or names none.

    Example:
        >>> from maskgen.shards.subset import Subset, SubsetDraw
        >>> draw = SubsetDraw(Subset(sample=2, seed=0))
        >>> for key in ("a", "b", "c"):
        ...     draw.add(key, None)
        >>> draw.chosen().sum(), draw.note
        (np.int64(2), 'a sample of 2 of 3 images, seed 0')
    """

    def __init__(self, subset: Subset, root: str | PathLike[str] | None = None) -> None:
        self._subset = subset
        self._named = NamedSamples(subset.keys, root) if subset.keys else None
        self._ranks, self._labels = array("Q"), array("q")
        self._unclassed: dict[int, str] = {}
        self.note = ""

    def add(self, key: str, label: Label, path: str | None = None) -> None:
        """The next sample, with its photo's path below the source's folder where that is known.

        Raises:
            UsageError: it has no class of its own, and the draw depends on it.
        """
        if self._named:
            self._named.add(key, path)
        self._ranks.append(draw_rank(key, self._subset.seed) if self._subset.sample else 0)
        if self._subset.needs_labels:
            if not isinstance(label, int):
                self._unclassed[len(self._labels)] = f"{key} has {'several' if label else 'none'}"
                if self._named is None:
                    self._refuse_unclassed(len(self._labels))
            self._labels.append(label if isinstance(label, int) else -1)

    def chosen(self) -> NDArray[np.bool_]:
        """(N,) bool: which of the N samples are taken. Afterwards `note` tells of them in words.

        Raises:
            UsageError: the file names a sample that was not met, or one without a class that the draw needs;
                or there are fewer images than are to be drawn.
        """
        subset = self._subset
        count = len(self._ranks)
        eligible = np.unique(np.array(self._named.rows(), np.int64)) if self._named else np.arange(count)
        if unclassed := self._unclassed.keys() & set(eligible.tolist() if self._unclassed else ()):
            self._refuse_unclassed(min(unclassed))
        total = len(eligible)
        if subset.sample > total:
            raise UsageError(
                f"a sample of {subset.sample} of {counted(total, 'image')}", remedy=f"draw {total} at most"
            )
        taken = np.zeros(count, np.bool_)
        if not subset.sample:
            self.note = f"{total} of {counted(count, 'image')}, those of {subset.keys}"
            taken[eligible] = True
            return taken
        self.note = f"a sample of {subset.sample} of {counted(total, 'image')}, seed {subset.seed}"
        ranks = np.frombuffer(self._ranks, np.uint64)[eligible]
        if not subset.needs_labels:
            taken[eligible[np.argsort(ranks, kind="stable")[: subset.sample]]] = True
            return taken
        labels = np.frombuffer(self._labels, np.int64)[eligible]
        rows, sizes = _by_class(ranks, labels, subset)
        taken[eligible[rows]] = True
        self.note += f", {sizes.min()} to {sizes.max()} of each of {counted(len(sizes), 'class', 'classes')}"
        return taken

    def _refuse_unclassed(self, row: int) -> NoReturn:
        raise UsageError(
            f"a sample by {self._subset.by} needs one class for each image",
            where=self._unclassed[row],
            remedy="draw by images, or label the images (folders of classes: --labels folder)",
        )


def draw_rank(key: str, seed: int) -> int:
    """The place of a key among all: the samples with the lowest ranks are drawn. 64 bits, by BLAKE2b."""
    salt = seed.to_bytes(16, "little")
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8, salt=salt).digest(), "little")


def _by_class(
    ranks: NDArray[np.uint64], labels: NDArray[np.int64], subset: Subset
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The (n,) rows that are drawn, and the (C,) images of each class among them, in the draw's order."""
    classes, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort([draw_rank(str(label), subset.seed) for label in classes.tolist()], kind="stable")
    alpha = subset.alpha if subset.by == "pareto" else None
    sizes = class_sizes(subset.sample, counts[order], alpha)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    sorted_rows = np.lexsort((ranks, place[numbers]))
    starts = np.cumsum(counts[order]) - counts[order]
    within = np.arange(len(ranks)) - np.repeat(starts, counts[order])
    return sorted_rows[within < np.repeat(sizes, counts[order])], sizes


def class_sizes(total: int, available: NDArray[np.int64], alpha: float | None = None) -> NDArray[np.int64]:
    r"""How many images are drawn of each class.

    Without `alpha` as many of each as it allows. With `alpha` a long tail: the sizes follow the quantiles of
    a Pareto law, $n_r \propto ((r + 1/2) / C)^{-1/\alpha} - 1$ for the r-th of C classes, above at least 5
    images of each (fewer where `total` is below 10 a class).

    Section 3.2 of "Revisiting Contrastive Methods for Unsupervised Learning of Visual Representations" draws
    its IN-118K-LT as [Liu et al. 2019](https://arxiv.org/abs/1904.05160) drew ImageNet-LT, and neither prints
    more of the law than its name and alpha = 6. These sizes are those of ImageNet-LT: of 115,846 images in
    1,000 classes, at most 1,280 and at least 5 a class, 386 classes have more than 100 (there 385) and 143
    fewer than 20 (there 136).

    Args:
        total: images of all classes together, at most those available.
        available: (C,) images that each class has, the one with the most images drawn first.
        alpha: of the law.

    Returns:
        (C,) int64 with the sum `total`, none above `available`.

    Example:
        >>> class_sizes(9, np.array([100, 2, 100])).tolist()
        [4, 2, 3]
        >>> class_sizes(60, np.array([100, 100, 100]), alpha=6.0).tolist()
        [36, 16, 8]
    """
    classes = len(available)
    if alpha is None:
        return _share(total, np.ones(classes), available)
    weights = ((np.arange(classes) + 0.5) / classes) ** (-1 / alpha) - 1
    weights = np.maximum(
        np.round(weights / weights[:1], 9), 1e-9
    )  # alike on machines that round powers apart
    least = np.minimum(min(_LEAST, max(total // (2 * classes), total >= classes)), available)
    return least + _share(total - int(least.sum()), weights, available - least)


def _share(total: int, weights: NDArray[np.float64], room: NDArray[np.int64]) -> NDArray[np.int64]:
    """(C,) whole numbers with the sum `total`, proportional to the weights as far as there is room."""
    low, high = 0.0, float(np.max((room + 1) / weights, initial=0.0))
    for _ in range(200):  # halves until neighboring floats: the factor at which they sum up to the total
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(room, weights * middle).sum() <= total else (low, middle)
    exact = np.minimum(room, weights * low)
    sizes = np.floor(exact + 1e-6).astype(np.int64)
    left = total - int(sizes.sum())
    for number in np.argsort(np.round(sizes - exact, 6), kind="stable").tolist():
        if left and sizes[number] < room[number]:
            sizes[number] += 1
            left -= 1
    return sizes
