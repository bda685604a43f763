"""The `maskgen` command: one file per command, imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from ..version import __version__
from .groups import ListedGroup
from .terminal import WIDE, run_command

COMMANDS = {
    "run": "Make mask shards from photos; run again to resume.",
    "mask": "Masks, cutouts or backgrounds of photos as PNG files; run again to resume.",
    "plan": "Show shards, sizes and a time estimate, and write the plan for many tasks.",
    "status": "How far a run is, and what is in quarantine.",
    "verify": "Check shards against their manifest.",
    "info": "What a data set holds, how it was made.",
    "show": "One sample: where it lies, its facts, its files.",
    "preview": "A contact sheet: photo | mask | overlay | background.",
    "report": "One HTML page: numbers, histograms, contact sheets, quarantine.",
    "recipes": "The views of the published methods: list them, or show one as a file to change.",
    "weights": "Published networks that are fetched by name: list, get, path.",
    "deepusps": "Learn masks from unlabeled photos; run again to resume.",
    "distill": "Teach a fast mask network what slow or noisy methods find; run again to resume.",
    "eval": "Masks against true masks: F, E, S, MAE, IoU.",
    "compare": "Several mask sets against one truth: a table, and a sheet of the images they disagree on.",
    "challenge": "Test sets that exchange backgrounds, as ImageNet-9's, from labeled shards.",
    "challenge-score": "A classifier's answers on them: accuracies, BG-gap, RFS, worst group.",
    "export": "Masks in other formats: PNG, COCO, Parquet, the Hugging Face Hub, and more.",
    "export-onnx": "A U²-Net checkpoint as an ONNX model, checked against torch.",
    "bench": "How fast each part is on this machine, and which settings follow.",
    "doctor": "What is installed here, and how to install the rest.",
}


def _load(name: str) -> click.Command:
    command: click.Command = importlib.import_module(f"maskgen.cli.{name.replace('-', '_')}").command
    return command


@click.group(cls=ListedGroup, sections={"Commands": COMMANDS}, load=_load, context_settings=WIDE)
@click.version_option(__version__, prog_name="maskgen")
def cli() -> None:
    """Foreground masks and foreground-free backgrounds as verified, reproducible WebDataset shards.

    Exit status: 0 done; 1 done but over the failure budget, or faults found; 2 usage; 3 environment (disk,
    GPU, permission); 75 interrupted, run again to resume.
    """


def main() -> None:
    """The `maskgen` command."""
    run_command(cli, "maskgen", sys.argv[1:])
