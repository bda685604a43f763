"""Which samples each step of a run trains on: one pass over the data after the other, also after a stop."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import Interrupted
from maskgen.loaders import open_dataset
from maskgen.trainers import run as running
from maskgen.trainers.presets import PRESETS, with_overrides
from maskgen.trainers.settings import Settings

BATCH, PASS, STEPS, SEED = 18, 3, 8, 4  # of 54 photos


@pytest.mark.slow
def test_each_pass_has_its_own_order(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of 1.5 steps over passes of three; a signal comes in the middle of the second pass."""
    trained: list[list[int]] = []
    step = running.train_step

    def watched(training: Any, batch: Any) -> Any:
        trained.append(batch["sample"].tolist())
        if len(trained) == PASS + 2:
            signal.raise_signal(signal.SIGTERM)
        return step(training, batch)

    monkeypatch.setattr(running, "train_step", watched)
    changes = {"batch_size": str(BATCH), "epoch_images": str(BATCH * 3 // 2), "steps": str(STEPS)}
    preset = with_overrides(PRESETS["simsiam"]["smoke"], changes)
    settings = Settings(data=str(shards), output=tmp_path / "run", loader="torch", seed=SEED)
    with pytest.raises(Interrupted):
        running.train(preset, settings, say=lambda _: None, echo=lambda _: None)
    running.train(preset, settings, say=lambda _: None, echo=lambda _: None)
    dataset = open_dataset(shards)
    wanted = [
        dataset.order(SEED, number // PASS)[np.arange(BATCH) + number % PASS * BATCH].tolist()
        for number in range(STEPS)
    ]
    assert trained == wanted
