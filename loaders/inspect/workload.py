"""What every case of a benchmark shares."""

from __future__ import annotations

from dataclasses import dataclass

from maskgen.config.counted import counted
from maskgen.errors import UsageError

from ..dataset.dataset import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The data set, the batches and the machine's share that every case of a benchmark has.

    Args:
        dataset: with photos.
        batch_size: images per batch.
        threads: CPU threads of a loader.
        device: ``cpu`` or ``cuda``.

    Raises:
        UsageError: the data set is smaller than a batch.
    """

    dataset: Dataset
    batch_size: int
    threads: int
    device: str = "cpu"

    def __post_init__(self) -> None:
        samples = self.dataset.samples
        if samples < self.batch_size:
            raise UsageError(
                f"a batch of {self.batch_size} from {counted(samples, 'sample')}",
                where=self.dataset.where,
                remedy="a larger data set",
                arguments=[("batch_size", samples)],
            )
