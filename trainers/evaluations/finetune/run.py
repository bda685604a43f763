"""`eval-ssl finetune`: trials of rates, the best chosen, tested and written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from maskgen.config.fingerprint import digest
from maskgen.io.atomic import write_atomic
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.classes import renumber_classes
from maskgen.trainers.datasets.images import Images, Pixels, open_images
from maskgen.trainers.distributed.ranks import rank
from maskgen.trainers.probes.setup import ProbeConfig, ProbeSetup, split

from ..tuning.loop import Record
from ..tuning.search import Search
from .listed import take_listed
from .model import Tuned
from .protocols import TuningProtocol
from .saved import FILE, write_tuned
from .training import Task, judge, tune

FOLDER, RESULT, LOG = "finetune", "finetune.json", "finetune.log.jsonl"
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class TuningQuestion:
    """What a fine-tuning is asked beside its `ProbeConfig` and protocol.

    Args:
        listed: a file that names the training images; None: all.
        allow_missing: go on without images that the list names and that are not there.
        metric: what is best: ``top1``, or ``per_class`` accuracy; empty: what the papers report of the set.
    """

    listed: Path | None = None
    allow_missing: bool = False
    metric: str = ""


def run_finetune(
    config: ProbeConfig,
    protocol: TuningProtocol,
    question: TuningQuestion | None = None,
    *,
    say: Say,
    stop: StopSignals | None = None,
) -> dict[str, Any]:
    """Train the whole network with a classifier; accuracies in finetune.json, the network in a file.

    With more than one trial, the best is chosen on ``config.validation``, else on a tenth of the training
    images, which no trial sees; where the protocol says so it is then trained again on both. Each trial's
    state is kept in the folder finetune: called again after an interruption, it goes on there.

    Args:
        config: from which checkpoint, on what.
        protocol: how.
        question: which images, and what is best.
        say: told each epoch.
        stop: asked after each step.

    Returns:
        What finetune.json holds: ``top1``, ``top5`` and ``per_class`` from 0 to 1 of the last epoch, on the
            test images, and what they depend on.

    Raises:
        MaskgenError: the backbone or the images cannot be read, or no trial had finite losses.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import ProbeConfig, run_finetune
        >>> from maskgen.trainers.evaluations.finetune.protocols import find_tuning_protocol
        >>> config = ProbeConfig(
        ...     checkpoint="random",
        ...     backbone="tiny",
        ...     data=Path("photos"),
        ...     test=None,
        ...     output=Path("tuned"),
        ...     device=torch.device("cpu"),
        ...     side=32,
        ... )
        >>> protocol = find_tuning_protocol("swav-10", epochs=(1,), batch_size=8)
        >>> result = run_finetune(config, protocol, say=print)
        lr 0.01 head 0.2 epochs 1  epoch 1/1  loss ...
        >>> 0 <= result["top1"] <= result["top5"] <= 1
        True
    """
    question = question or TuningQuestion()
    config = replace(config, interpolation=config.interpolation or protocol.interpolation)
    setup = ProbeSetup.open(config)
    trials, classes = protocol.trials(), setup.train.classes
    train, facts = _listed(setup.train, question)
    train, test, chosen = _divide(setup, train, choose=len(trials) > 1)
    asked = {**setup.facts(), **facts, "protocol": _shown(protocol), "classes": classes}
    asked |= {"images": len(train), "test_images": len(test), "pass_images": config.batch_size}
    asked |= {"trained_on": train.fingerprint, "tested_on": test.fingerprint}
    if chosen is not None:
        asked["validation"] = chosen.fingerprint

    def report(text: str) -> None:
        if rank() == 0:
            say(text)

    task = Task(setup, protocol, train, chosen or test, classes, report, stop)
    metric = question.metric or config.metric()
    search = Search(partial(tune, task), asked, config.output, FOLDER, report)
    best = search.best(trials, metric)
    if chosen is not None and protocol.refit:
        search.train = partial(tune, replace(task, train=_join(train, chosen), judge=test))
        model = search.trial(best, {"refit": True})
    else:
        model = search.trial(best, {})
    result = {**asked, "metric": metric, "lr": best.lr, "head_lr": best.head_lr, **search.facts()}
    result |= judge(task, model, test)
    _write(config, setup, model, result, search.records)
    return result


def _listed(train: Images, question: TuningQuestion) -> tuple[Images, dict[str, Any]]:
    if question.listed is None:
        return train, {}
    found = take_listed(train, question.listed, allow_missing=question.allow_missing)
    return found.images, {"list": question.listed.name, "listed": found.lines, "missing": found.missing}


def _divide(setup: ProbeSetup, train: Images, *, choose: bool) -> tuple[Images, Images, Images | None]:
    """Images to train on, to test on, and to choose on; None: there is nothing to choose."""
    place = setup.config.validation_place()
    apart = choose and place is not None
    train, test, chosen = split(train, setup.test, setup.config.seed, choose=choose and not apart)
    if apart and place is not None:
        chosen = renumber_classes(setup.train, open_images(place), str(place))
    return train, test, chosen


def _join(first: Images, second: Images) -> Images:
    """All of both, with the first's names of classes."""

    def read(number: int) -> Pixels:
        return first.read(number) if number < len(first) else second.read(number - len(first))

    labels = np.concatenate([first.labels, second.labels])
    return Images(labels, digest([first.fingerprint, second.fingerprint]), read, first.names)


def _shown(protocol: TuningProtocol) -> dict[str, Any]:
    return {name: value for name, value in asdict(protocol).items() if name not in ("ours", "source")}


def _write(
    config: ProbeConfig, setup: ProbeSetup, model: Tuned, result: dict[str, Any], records: list[Record]
) -> None:
    """The network, the log and, last, the result."""
    if rank() != 0:
        return
    transform = setup.transform()
    facts = write_tuned(
        config.output / FILE,
        model,
        setup.encoder,
        setup.train.names,
        side=transform.side,
        interpolation=transform.interpolation,
        step=int(result["steps"]),
    )
    result["finetuned_sha256"] = facts["checkpoint_sha256"]
    log = "".join(json.dumps(record) + "\n" for record in records)
    write_atomic(config.output / LOG, log.encode())
    write_atomic(config.output / RESULT, (json.dumps(result, indent=1) + "\n").encode())
