"""What follows from the figures of a benchmark, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..dataset.dataset import Dataset
from ..reading.samples import SampleReader
from .bench import LoaderRate
from .workload import Workload

SHORT_SIDE = 256
"""Short side, px, that is advised for photos that are much larger."""


def short_side(dataset: Dataset) -> int:
    """Median of the stored photos' short sides, px, over up to 256 samples."""
    samples = np.unique(np.linspace(0, dataset.samples - 1, min(256, dataset.samples)).astype(np.int64))
    taken = SampleReader(dataset, on_error="skip").take(samples)
    return int(np.median(taken.small.meta["size"].min(axis=1)))


def advice(workload: Workload, rates: Sequence[LoaderRate], available: int, side: int) -> list[str]:
    """Sentences that follow from the figures.

    Args:
        workload: of the measurement.
        rates: from `loader_rates`, with decoding alone first and one recipe at least.
        available: cores of the machine.
        side: median short side of the stored photos, px.
    """
    decode, ours = rates[0], [rate for rate in rates[1:] if rate.loader == "dali"]
    slowest = max(ours, key=lambda rate: rate.cpu_ms)
    rate = 1000 / slowest.cpu_ms
    said = [
        f"{slowest.recipe}: {slowest.cpu_ms:.2f} ms of a core per image: a core feeds {rate:.0f} images/s."
    ]
    busy, most = slowest.images_per_s * slowest.cpu_ms / 1000, min(workload.threads, available)
    if workload.threads < available:
        said.append(f"{workload.threads} of {available} cores were asked for: try --threads {available}.")
    elif busy < 0.7 * most and workload.device == "cpu":
        said.append(
            f"Only {busy:.1f} of {most} cores were busy: other programs take them, or the shards' disk is "
            "slow (then "
            "open_dataset(cache=...) with a folder on a local disk)."
        )
    if side > 1.2 * SHORT_SIDE and workload.device == "cpu":
        saved = decode.cpu_ms * (1 - (SHORT_SIDE / side) ** 2)
        left = max(slowest.cpu_ms - saved, 0.1 * slowest.cpu_ms)
        said.append(
            f"The photos' short side is {side} px (median), and decoding takes {decode.cpu_ms:.2f} ms of "
            "a core: "
            f"shards made with `maskgen run --short-side {SHORT_SIDE}` would give {slowest.recipe} about "
            f"{slowest.cpu_ms / left:.1f} times the images/s (an estimate from the pixels; small crops lose "
            "detail)."
        )
    return said
