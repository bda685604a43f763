"""A supervised run's own classifier: its accuracy while it trains, and a whole model at its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from maskgen.errors import UsageError
from maskgen.loaders import open_dataset
from maskgen.trainers.methods import METHODS
from maskgen.trainers.networks.backbones import build_backbone
from maskgen.trainers.presets import find_preset, with_overrides
from maskgen.trainers.probes.classifying import ClassifierTest
from maskgen.trainers.probes.setup import ProbeConfig
from maskgen.trainers.probes.tasks import run_head
from maskgen.trainers.run import CLASSIFIER, train
from maskgen.trainers.settings import Settings

PRESET = find_preset("supervised", "smoke")


def opened(shards: Path, test: Path | None = None) -> ClassifierTest:
    settings = Settings(data=str(shards), output=shards / "unused", test_data=str(test or ""))
    return ClassifierTest.open(open_dataset(shards), PRESET, settings, torch.device("cpu"))


def always(answer: int) -> nn.Module:
    """A method whose classifier says one class whatever it sees, then the others in order."""
    method = METHODS["supervised"](PRESET, classes=3)
    nn.init.zeros_(method.classifier.weight)
    with torch.no_grad():
        method.classifier.bias.copy_(torch.eye(3)[answer])
    return method


def test_it_counts_the_answers(shards: Path, tmp_path: Path, photo_folder: Path) -> None:
    """Of three classes of 18 photos one is right; of a folder with cats alone all or none are."""
    method = always(1)
    assert opened(shards).measure(method) == {"train_top1": pytest.approx(1 / 3), "train_top5": 1.0}
    assert method.training
    (tmp_path / "cat").symlink_to(photo_folder / "cat")
    looks = [opened(shards, tmp_path).measure(always(answer))["top1"] for answer in (0, 1, 2)]
    assert looks == [0.0, 1.0, 0.0]  # the classes are astronaut, cat, coffee


def test_other_methods_have_none(shards: Path) -> None:
    with pytest.raises(UsageError, match="SimCLR has no classifier"):
        opened(shards).measure(METHODS["simclr"](find_preset("simclr", "smoke")))


@pytest.mark.slow
def test_a_run_reports_and_exports_it(shards: Path, photo_folder: Path, tmp_path: Path) -> None:
    preset = with_overrides(PRESET, {"epochs": "2", "batch_size": "18"})
    settings = Settings(
        data=str(shards), output=tmp_path / "run", test_data=str(photo_folder), loader="torch"
    )
    lines: list[str] = []
    train(preset, settings, say=lambda _: None, echo=lines.append)
    told = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    tests = [record for record in told if "top1" in record]
    assert [record["epoch"] for record in tests] == [1.0, 2.0]
    assert sum("top1" in line for line in lines) == 2
    weights = load_file(tmp_path / "run" / CLASSIFIER)
    network, _ = build_backbone(PRESET.backbone)
    network.fc = nn.Linear(64, 3)
    network.load_state_dict(weights, strict=True)
    for checkpoint in (tmp_path / "run", tmp_path / "run" / CLASSIFIER):
        config = ProbeConfig(
            checkpoint=checkpoint,
            data=photo_folder,
            test=None,
            output=tmp_path / "out",
            device=torch.device("cpu"),
            side=32,
        )
        found = run_head(config, head="own", say=lines.append)
        assert found["top1"] == pytest.approx(tests[-1]["top1"])
