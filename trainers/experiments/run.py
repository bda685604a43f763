"""The trainings of an experiment as jobs: processes of `train-ssl`, each in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskgen.processes.places import Place

from ..evaluations.suite.folder import FolderJob, RecordedFolder
from .suite import RUN
from .trainings import Training

PROGRAM = ("-m", "maskgen.trainers")
"""`train-ssl` behind ``python``."""
TORCHRUN = ("-m", "torch.distributed.run", "--standalone")
BACKBONE = "backbone.safetensors"
"""What `train-ssl` writes last."""


@dataclass(frozen=True, eq=False)
class TrainingFolder(RecordedFolder):
    """A training and its folder.

    Args:
        training: it.
        output: folder of the sweep.
    """

    training: Training
    output: Path

    @property
    def name(self) -> str:
        """The training's."""
        return self.training.name

    @property
    def path(self) -> Path:
        """The folder of its record and its log."""
        return self.run.parent

    @property
    def run(self) -> Path:
        """The folder that `train-ssl` writes into."""
        return self.output / self.training.name / RUN

    @property
    def settings(self) -> dict[str, Any]:
        """The training's."""
        return self.training.settings

    def is_done(self) -> bool:
        """Whether it has ended well, with any settings, and its backbone is still there."""
        return super().is_done() and (self.run / BACKBONE).exists()


@dataclass(frozen=True, eq=False)
class TrainingJob(FolderJob[TrainingFolder]):
    """A training as a job.

    Args:
        folder: of the training.
        ranks: processes that share it, each on a device of its own.
    """

    ranks: int = 1

    @property
    def devices(self) -> int:
        """One for each rank."""
        return self.ranks

    @property
    def needs(self) -> tuple[str, ...]:
        """None."""
        return ()

    def words(self, place: Place) -> list[str]:
        """The words behind ``python``; several ranks are torchrun's."""
        several = [*TORCHRUN, "--nproc-per-node", str(self.ranks)] if self.ranks > 1 else []
        return [*several, *PROGRAM, *training_words(self.folder), *place.words]

    def is_complete(self) -> bool:
        """Whether there is a backbone."""
        return (self.folder.run / BACKBONE).exists()


def training_words(one: TrainingFolder) -> list[str]:
    """The words behind ``train-ssl``, without its device."""
    return [*one.training.words, "--output", str(one.run)]
