"""RELICv2's sweep as a probe: chosen on validation images, trained again with them, resumed by trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from maskgen.errors import Interrupted, MaskgenError
from maskgen.trainers.heads.head import Head, accuracies
from maskgen.trainers.heads.linear import train_heads
from maskgen.trainers.heads.protocols import Protocol, find_protocol
from maskgen.trainers.probes import sweep, tasks
from maskgen.trainers.probes.search import Split
from maskgen.trainers.probes.setup import ProbeConfig, ProbeSetup
from maskgen.trainers.probes.tasks import run_linear

pytestmark = pytest.mark.slow
SHORT = replace(find_protocol("relicv2-transfer"), solver="sgd", batch_size=16, epochs=3)
TRIALS = [
    replace(SHORT, lr=1e30, weight_decay=1e30),  # overflows at once
    *(replace(SHORT, lr=lr) for lr in (0.01, 2.0, 0.5)),
]


def config(photos: Path, folder: Path) -> ProbeConfig:
    encoder: dict[str, Any] = {"checkpoint": "random", "backbone": "tiny", "side": 32}
    return ProbeConfig(**encoder, data=photos, test=None, output=folder, device=torch.device("cpu"))


def go(photos: Path, folder: Path, said: list[str]) -> dict[str, Any]:
    protocol = find_protocol("relicv2-transfer")
    return run_linear(config(photos, folder), protocol, lrs=[], views=0, trials=4, say=said.append)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[Protocol]:
    monkeypatch.setattr(tasks, "draw_trials", lambda *_: TRIALS)
    return TRIALS


def test_the_best_on_validation_images_is_trained_again_on_all(
    few: list[Protocol], photo_folder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    result = go(photo_folder, tmp_path, said)
    assert len(said) == 4
    assert result["chosen_by"][0] == sweep.LOST
    setup = ProbeSetup.open(replace(config(photo_folder, tmp_path), share=1.0, interpolation="bicubic"))
    data = Split.of(setup, choose=True)
    assert data.choose is not None
    parts = [(setup.features(part), setup.labels(part)) for part in (data.train, data.choose, data.test)]

    def trained(trial: Protocol, rows: torch.Tensor, labels: torch.Tensor) -> Head:
        layers, standard = train_heads(lambda _: rows, labels, trial, lrs=[trial.lr], classes=3)
        return Head(layers[trial.lr], standard)

    scores = [accuracies(trained(trial, *parts[0]), *parts[1])["top1"] for trial in few[1:]]
    assert result["chosen_by"][1:] == pytest.approx(scores, abs=1e-6)
    best = few[1 + scores.index(max(scores))]
    assert result["chosen"]["lr"] == best.lr
    both = (torch.cat([one, other]) for one, other in zip(parts[0], parts[1], strict=True))
    assert result["top1"] == accuracies(trained(best, *both), *parts[2])["top1"]


@pytest.mark.usefixtures("few")
def test_a_trial_that_is_done_is_not_done_again(photo_folder: Path, tmp_path: Path) -> None:
    whole = go(photo_folder, tmp_path / "whole", [])

    class Stop(list[str]):
        def append(self, text: str) -> None:
            super().append(text)
            if text.startswith("trial 2/"):
                raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        go(photo_folder, tmp_path / "killed", Stop())
    said: list[str] = []
    assert go(photo_folder, tmp_path / "killed", said) == whole
    assert [line.split()[1] for line in said] == ["3/4", "4/4"]


def test_trials_that_are_all_lost_are_an_error(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "draw_trials", lambda *_: TRIALS[:1])
    with pytest.raises(MaskgenError, match=r"in every trial(.|\n)*--trials"):
        go(photo_folder, tmp_path, [])
