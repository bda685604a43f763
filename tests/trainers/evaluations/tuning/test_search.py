"""Which trial is taken, and what is kept of the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from maskgen.errors import MaskgenError
from maskgen.trainers.evaluations.tuning.loop import Outcome
from maskgen.trainers.evaluations.tuning.search import Search
from maskgen.trainers.heads.resume import Keeper


@dataclass(frozen=True)
class Rate:
    lr: float

    def __str__(self) -> str:
        return f"lr {self.lr:g}"


def train(rate: Rate, _: Keeper) -> Outcome[nn.Module]:
    record: dict[str, Any] = {"epoch": 1, "step": 2, "loss": 1.0, "top1": 1 - abs(rate.lr - 2)}
    return Outcome(nn.Identity(), [record], 2 if rate.lr > 5 else 0)


def make(folder: Path, said: list[str]) -> Search[nn.Module, Rate]:
    return Search(train, {"asked": 1}, folder, "states", said.append)


def test_the_best_last_epoch_is_taken_and_lost_trials_are_left_out(tmp_path: Path) -> None:
    said: list[str] = []
    search = make(tmp_path, said)
    assert search.best([Rate(1), Rate(2.5), Rate(9)], "top1") == Rate(2.5)
    assert search.scores == {"lr 1": 0.0, "lr 2.5": 0.5}
    assert said == ["eval-ssl: warning: the loss became infinite or no number in step 2 with lr 9: left out"]
    search.trial(Rate(2.5), {"refit": True})
    assert [(one["trial"], one.get("refit")) for one in search.records] == [
        ("lr 1", None),
        ("lr 2.5", None),
        ("lr 9", None),
        ("lr 2.5", True),
    ]
    assert search.facts() == {"epochs": 1, "steps": 2, "loss": 1.0, "chosen_by": search.scores}


def test_the_only_trial_is_not_tried_before(tmp_path: Path) -> None:
    search = make(tmp_path, [])
    assert search.best([Rate(9)], "top1") == Rate(9)
    assert search.records == []
    with pytest.raises(MaskgenError, match="in step 2 with lr 9"):
        search.trial(Rate(9), {})
    with pytest.raises(MaskgenError, match="no trial of 2 had finite losses"):
        search.best([Rate(8), Rate(9)], "top1")
    assert "chosen_by" not in search.facts()
