"""The best of many settings of SGD, chosen on validation images and trained again with these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from maskgen.errors import MaskgenError

from ..distributed.ranks import own_range
from ..heads.head import Head, accuracies
from ..heads.linear import train_heads
from ..heads.protocols import Protocol
from ..heads.resume import Keeper
from .search import Found, Split
from .setup import ProbeSetup

Say = Callable[[str], None]
LOST = -1.0
"""Score of a trial whose loss became infinite or no number."""


def search_trials(
    setup: ProbeSetup, data: Split, trials: list[Protocol], metric: str, *, report: Say, keeper: Keeper
) -> Found:
    """The best of several settings, on center crops, trained again from scratch with what chose it.

    Of settings that are equally good the first is taken. Each trial that is done is kept.

    Args:
        setup: of the probe.
        data: its images; some choose.
        trials: the settings, one or more.
        metric: ``top1`` or ``per_class``.
        report: told each trial's score.
        keeper: of the scores between trials.

    Raises:
        MaskgenError: no trial had finite losses.
    """
    choose = data.choose or data.test
    rows, labels = setup.features(data.train), setup.labels(data.train)
    judged = setup.features(choose), setup.labels(choose)
    state = keeper.load() or {"scores": []}
    scores: list[float] = state["scores"]
    for number in range(len(scores), len(trials)):
        trial = trials[number]
        try:
            scores.append(accuracies(_trained(setup, rows, labels, trial), *judged)[metric])
        except MaskgenError:  # its loss is no number: the others may do
            scores.append(LOST)
        keeper.save(number + 1, {"scores": scores})
        report(f"trial {number + 1}/{len(trials)}  {_said(trial)}  {metric} {scores[-1]:.4f}")
    if max(scores) == LOST:
        raise MaskgenError(
            "the loss became infinite or no number in every trial",
            remedy="more --trials, or lower rates: --lr 0.001,0.01",
        )
    best = trials[scores.index(max(scores))]
    whole = [setup.features(part, whole=True) for part in (data.train, choose)]
    classes = [setup.labels(part, whole=True) for part in (data.train, choose)]
    own = own_range(sum(len(part) for part in classes))
    span = slice(own.start, own.stop)
    head = _trained(setup, torch.cat(whole)[span], torch.cat(classes)[span], best)
    facts = {name: getattr(best, name) for name in _AXES}
    return Found(head, {"chosen": facts, "chosen_by": [round(score, 6) for score in scores]})


_AXES = ("lr", "batch_size", "weight_decay", "warmup_epochs", "momentum", "nesterov", "epochs")


def _trained(setup: ProbeSetup, rows: Tensor, labels: Tensor, trial: Protocol) -> Head:
    layers, standard = train_heads(
        lambda _epoch: rows,
        labels,
        trial,
        lrs=[trial.lr],
        classes=setup.train.classes,
        seed=setup.config.seed,
    )
    return Head(layers[trial.lr], standard)


def _said(trial: Protocol) -> str:
    values: dict[str, Any] = {name: getattr(trial, name) for name in _AXES}
    return " ".join(f"{name} {value:g}" for name, value in values.items())
