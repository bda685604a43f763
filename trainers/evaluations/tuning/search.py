"""Trials of learning rates, the best of which is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from torch import nn

from maskgen.errors import MaskgenError
from maskgen.trainers.heads.resume import Keeper

from .loop import Outcome, Record

M = TypeVar("M", bound=nn.Module)


class Trial(Protocol):
    """A dataclass of the values that trials differ in, whose text names it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=Trial)


@dataclass(eq=False)
class Search(Generic[M, T]):
    """Trials and what they gave.

    Args:
        train: one trial, from what a keeper kept.
        asked: what all of them depend on.
        output: of the evaluation.
        folder: of the states, in it.
        say: told of trials that are left out.
    """

    train: Callable[[T, Keeper], Outcome[M]]
    asked: dict[str, Any]
    output: Path
    folder: str
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self.scores: dict[str, float] = {}
        self._records: dict[str, list[Record]] = {}

    @property
    def records(self) -> list[Record]:
        """Of all trials, each with the trial's name."""
        return [record for records in self._records.values() for record in records]

    def best(self, trials: Sequence[T], metric: str) -> T:
        """The trial with the best last epoch; the only one, if there is one.

        Args:
            trials: at least one.
            metric: of the records of epochs, the higher the better.

        Raises:
            MaskgenError: no trial had finite losses.
        """
        if len(trials) == 1:
            return trials[0]
        for trial in trials:
            outcome = self._train(trial, {})
            if outcome.lost:
                self.say(f"eval-ssl: warning: {_diverged(trial, outcome)}: left out")
            else:
                self.scores[str(trial)] = outcome.records[-1][metric]
        if not self.scores:
            raise MaskgenError(
                f"no trial of {len(trials)} had finite losses",
                cause="the learning rates are too high",
                remedy="a lower --lr or --head-lr",
            )
        return max((one for one in trials if str(one) in self.scores), key=lambda one: self.scores[str(one)])

    def trial(self, trial: T, more: dict[str, Any]) -> M:
        """The network of a trial; from disk, where it is trained already.

        Args:
            trial: of any values.
            more: what it depends on beside.

        Raises:
            MaskgenError: its losses were not finite.
        """
        outcome = self._train(trial, more)
        if outcome.lost:
            raise MaskgenError(
                _diverged(trial, outcome),
                cause="a learning rate is too high",
                remedy="a lower --lr or --head-lr",
            )
        return outcome.model

    def _train(self, trial: T, more: dict[str, Any]) -> Outcome[M]:
        question = {**self.asked, **more, "trial": asdict(trial)}
        keeper = Keeper(self.output, question, lambda text: self.say(f"warning: {text}"), self.folder)
        outcome = self.train(trial, keeper)
        known = {"trial": str(trial), **more}
        self._records.pop(str(known), None)  # so that the last one trained comes last
        self._records[str(known)] = [{**known, **record} for record in outcome.records]
        return outcome

    def facts(self) -> dict[str, Any]:
        """What the result says of the search."""
        last = self.records[-1]
        found = {"epochs": last["epoch"], "steps": last["step"], "loss": last["loss"]}
        return {**found, "chosen_by": self.scores} if self.scores else found


def _diverged(trial: Trial, outcome: Outcome[Any]) -> str:
    return f"the loss became infinite or no number in step {outcome.lost} with {trial}"
