"""Random numbers of each sample, without any state: any of them can be had without those before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..order.permutation import mix64, stream_key

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_VIEWS = 0x7669657773  # the order of an epoch is made from (seed, epoch) as well


def uniforms(
    seed: int, epoch: int, samples: NDArray[np.int64], count: int, *, stream: int = 0, first: int = 0
) -> NDArray[np.float32]:
    """Random numbers of each sample: a hash of (seed, epoch, stream, sample, place).

    SplitMix64 (Steele, Lea and Flood, 2014) from a start of each sample's own; each of its 64-bit values
    gives two numbers of 24 bits. A longer `count` only appends.

    Args:
        seed: of the run.
        epoch: from 0.
        samples: (B,) numbers of samples in the data set.
        count: numbers per sample.
        stream: another one gives other numbers.
        first: place of the first number wanted.

    Returns:
        (B, count) float32 in [0, 1).

    Example:
        >>> import numpy as np
        >>> from maskgen.loaders.sampling.uniforms import uniforms
        >>> samples = np.arange(3)
        >>> several = uniforms(0, 0, samples, 6)
        >>> bool((uniforms(0, 0, samples, 2, first=4) == several[:, 4:]).all())
        True
    """
    root = np.uint64(stream_key(seed, epoch, _VIEWS, stream))
    start = mix64(samples.astype(np.uint64) * _GOLDEN + root)
    words = np.arange(first // 2 + 1, (first + count + 1) // 2 + 1, dtype=np.uint64)
    halves = mix64(start[:, None] + words * _GOLDEN).astype("<u8").view("<u4")
    halves = halves[:, first % 2 : first % 2 + count]
    return (halves >> 8).astype(np.float32) * np.float32(2**-24)
