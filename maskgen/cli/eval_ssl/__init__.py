"""`eval-ssl`: one file a task, imported only when it is called."""

from __future__ import annotations

import importlib

import click

from maskgen.version import __version__

from ..groups import StoppableListedGroup
from ..terminal import WIDE

TASKS = {
    "knn": "Accuracy of weighted nearest neighbors.",
    "linear": "Accuracy of a linear classifier on frozen features, trained or there already.",
    "finetune": "Accuracy of the whole network, trained with a classifier.",
    "voc07": "Mean average precision of linear SVMs on PASCAL VOC 2007.",
    "grounding": "How far the encoder looks at the foreground: Grad-CAM against masks.",
    "robust": "Accuracy of a finished classifier on ImageNet's variants.",
    "davis": "Objects followed through DAVIS-2017's clips, by features alone: J&F.",
    "attack": "Accuracy of a finished classifier under FGSM and PGD.",
    "fcn": "Segmentation by a fully convolutional network, trained from the checkpoint: mIoU.",
    "retrieval": "Segments of PASCAL VOC named by their nearest neighbors: mIoU.",
}
MANY = {"suite": "Many checkpoints, tasks and seeds, and their results as tables."}


def load_task(name: str) -> click.Command:
    """The command of a name."""
    command: click.Command = importlib.import_module(f"maskgen.cli.eval_ssl.{name}").command
    return command


@click.group(
    cls=StoppableListedGroup,
    sections={"Tasks": TASKS, "Many tasks": MANY},
    load=load_task,
    context_settings=WIDE,
)
@click.version_option(__version__, prog_name="eval-ssl")
def eval_cli() -> None:
    """Evaluate a backbone with labels.

    With several GPUs: torchrun --nproc-per-node 8 -m maskgen.trainers eval ...; voc07 and suite are for one
    process.

    Exit status as train-ssl.
    """
