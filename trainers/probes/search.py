"""Which head is best: learning rates or penalties, chosen on images that no head has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import torch

from ..datasets.classes import renumber_classes
from ..datasets.images import Images, open_images
from ..distributed.ranks import any_rank, rank
from ..heads.head import Head, Standardizer, accuracies
from ..heads.lbfgs import PENALTIES, Problem, layer_of
from ..heads.linear import train_heads
from ..heads.protocols import Protocol
from ..heads.resume import Keeper
from .setup import Passes, ProbeSetup, split

Say = Callable[[str], None]
_KEEP_S = 2


@dataclass(frozen=True, eq=False)
class Split:
    """The images of a linear probe.

    Args:
        train: images that heads learn from.
        test: images that the best is judged on.
        choose: images that the best is chosen on; None: there is one head only.
    """

    train: Images
    test: Images
    choose: Images | None

    @classmethod
    def of(cls, setup: ProbeSetup, *, choose: bool) -> Split:
        """As the question says; where it leaves them open, some of the training images.

        Args:
            setup: of the probe.
            choose: whether there is something to choose.
        """
        place = setup.config.validation_place()
        train, test, chosen = split(
            setup.train, setup.test, setup.config.seed, choose=choose and place is None
        )
        if choose and place is not None:
            chosen = renumber_classes(setup.train, open_images(place), str(place))
        return cls(train, test, chosen)

    def sizes(self) -> dict[str, int]:
        """How many images learn and judge."""
        return {"images": len(self.train), "test_images": len(self.test)}

    def facts(self) -> dict[str, str]:
        """Which images choose, where there is something to choose."""
        return {} if self.choose is None else {"validation": self.choose.fingerprint}


@dataclass(frozen=True)
class Search:
    """Learning rates to try.

    Args:
        protocol: all else.
        lrs: learning rates, one or more.
        views: see `run_linear`.
        metric: ``top1`` or ``per_class``.
    """

    protocol: Protocol
    lrs: list[float]
    views: int
    metric: str


@dataclass(frozen=True, eq=False)
class Found:
    """The best head, and what the result says of the search."""

    head: Head
    facts: dict[str, Any]


def search_rate(setup: ProbeSetup, data: Split, search: Search, *, report: Say, keeper: Keeper) -> Found:
    """The best of several learning rates, all trained at once.

    Args:
        setup: of the probe.
        data: its images.
        search: what is tried.
        report: told each epoch's losses.
        keeper: of the state between epochs.

    Raises:
        MaskgenError: no learning rate had finite losses.
    """
    judges = data.choose or data.test
    judged = setup.features(judges), setup.labels(judges)
    epochs = search.protocol.epochs

    def tell(epoch: int, losses: dict[float, float]) -> None:
        shown = "  ".join(f"lr {lr:g} loss {loss:.4f}" for lr, loss in losses.items())
        report(f"epoch {epoch + 1}/{epochs}  {shown}")

    layers, standard = train_heads(
        Passes(setup, data.train, search.views),
        setup.labels(data.train),
        search.protocol,
        lrs=search.lrs,
        classes=setup.train.classes,
        seed=setup.config.seed,
        report=tell,
        keeper=keeper,
    )
    if lost := [f"{lr:g}" for lr in search.lrs if lr not in layers]:
        report(
            f"eval-ssl: warning: the loss became infinite or no number with lr {', '.join(lost)}: left out"
        )
    scores = {lr: accuracies(Head(layer, standard), *judged)[search.metric] for lr, layer in layers.items()}
    best = max(layers, key=lambda lr: scores[lr])
    facts: dict[str, Any] = {"lr": best}
    if data.choose is not None:
        facts["chosen_by"] = {f"{lr:g}": score for lr, score in scores.items()}
    return Found(Head(layers[best], standard), facts)


def search_penalty(setup: ProbeSetup, data: Split, metric: str, *, report: Say, keeper: Keeper) -> Found:
    """The best of 45 penalties by L-BFGS on center crops, fitted again with the images that chose it.

    Of penalties that are equally good the smallest is taken.

    Args:
        setup: of the probe.
        data: its images; some choose.
        metric: ``top1`` or ``per_class``.
        report: told each penalty's score.
        keeper: of the state between penalties, which is kept after every few seconds of work.
    """
    choose = data.choose or data.test
    rows, labels = setup.features(data.train), setup.labels(data.train)
    judged = setup.features(choose), setup.labels(choose)
    problem = Problem(rows, labels, setup.train.classes)
    state = keeper.load() or {"scores": [], "point": torch.zeros(problem.size, dtype=torch.float64)}
    scores: list[float] = state["scores"]
    point = state["point"].numpy()
    best = state["best"].numpy() if "best" in state else point
    saved = monotonic()
    for number in range(len(scores), len(PENALTIES)):
        point = problem.fit(PENALTIES[number], point)
        layer = layer_of(point, problem.classes).to(rows.device)
        scores.append(accuracies(Head(layer), *judged)[metric])
        best = point if scores[-1] == max(scores) else best
        if any_rank(rank() == 0 and monotonic() - saved >= _KEEP_S) or number + 1 == len(PENALTIES):
            kept = {"point": torch.from_numpy(point), "best": torch.from_numpy(best)}
            keeper.save(number + 1, {"scores": scores, **kept})
            saved = monotonic()
        report(f"penalty {number + 1}/{len(PENALTIES)}  {PENALTIES[number]:.3g}  {metric} {scores[-1]:.4f}")
    chosen = PENALTIES[len(scores) - 1 - int(np.argmax(scores[::-1]))]
    both = Problem(torch.cat([rows, judged[0]]), torch.cat([labels, judged[1]]), problem.classes)
    layer = layer_of(both.fit(chosen, best), problem.classes).to(rows.device)
    facts = {"penalty": chosen, "chosen_by": {f"{p:.3g}": s for p, s in zip(PENALTIES, scores, strict=True)}}
    return Found(Head(layer, Standardizer()), facts)
