"""What the parts of gpu.py share: how much is measured, and how a part reports."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gpu_table import Row, report

from maskgen.errors import MaskgenError
from maskgen.loaders import Dataset, open_dataset


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Args:
        images: photos in the tars and in the shards.
        batch: of the loaders and of the training.
        net_batch: of the networks.
        seconds: for each figure of a network.
        batches: of a loader, timed in each round.
        rounds: over all cases of a loader.
        steps: of the training, for each figure.
        preset: of the training.
    """

    images: int = 4000
    batch: int = 256
    net_batch: int = 64
    seconds: float = 3.0
    batches: int = 10
    rounds: int = 3
    steps: int = 20
    preset: str = "imagenet-200"


TINY = Size(24, 4, 2, 0.1, 2, 2, 2, "smoke")


@dataclass(frozen=True)
class Part:
    """What every part is given."""

    given: argparse.Namespace
    size: Size

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        device: str = self.given.device
        return device

    def row(self, case: str, figure: float | None = None, unit: str = "", note: str = "") -> None:
        """Report one."""
        report(self.given.rows, Row(case, figure, unit, note))

    def attempt(self, case: str, work: Callable[[], None]) -> None:
        """Report a case's error in its row, and go on."""
        try:
            work()
        except (MaskgenError, RuntimeError, ImportError, ValueError, TypeError) as error:
            words = " ".join(str(error).split())
            self.row(case, note=f"failed: {type(error).__name__}: {words[:300]}")

    def work(self, name: str) -> Path:
        """A folder of those that the parts share."""
        folder: Path = self.given.work / name
        return folder

    def shards(self) -> Dataset:
        """What `prepare` made."""
        return open_dataset(self.work("shards"))


def run(name: str, given: argparse.Namespace) -> None:
    """Run a part to its end.

    A part reports a case as soon as it has a figure, so that what comes later cannot take it away.
    """
    import gpu_stage1
    import gpu_stage2
    import gpu_tests

    part = Part(given, TINY if given.tiny else Size())
    kind, _, rest = name.partition("-")
    if kind == "networks":
        gpu_stage1.networks(part, rest)
        return
    known: dict[str, Callable[[Part], None]] = {
        "prepare": gpu_stage1.prepare,
        "loader": gpu_stage2.dali_loader,
        "torch-loader": gpu_stage2.torch_loader,
        "rival": gpu_stage2.rival,
        "training": gpu_stage2.training,
        "stage1": gpu_stage1.end_to_end,
        "tests": gpu_tests.tests,
    }
    known[name](part)


def without_dali() -> str:
    """Why a case that needs DALI has no figure; empty where DALI is installed."""
    return "" if importlib.util.find_spec("nvidia.dali") else "DALI is not installed"
