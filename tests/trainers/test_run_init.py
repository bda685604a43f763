"""A run that begins with given weights: in the backbone, in what follows it, and in its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.methods import METHODS
from maskgen.trainers.networks.backbones import build_backbone
from maskgen.trainers.presets import find_preset, with_overrides
from maskgen.trainers.run import train
from maskgen.trainers.settings import Settings, read_config
from maskgen.trainers.training import checkpoint

PRESET = with_overrides(find_preset("mocov2", "smoke"), {"batch_size": "18", "steps": "1", "lr": "0"})


def test_networks_that_follow_begin_alike() -> None:
    for name in ("mocov2", "byol", "msr", "relicv2"):
        method = METHODS[name](find_preset(name, "smoke"))
        given, _ = build_backbone("tiny")
        before = {key: value.clone() for key, value in method.state_dict().items() if ".conv1." not in key}
        method.begin_with(given.state_dict())
        found = [module for module in method.modules() if type(module) is type(given)]
        assert len(found) == 2
        assert all(torch.equal(one.conv1.weight, given.conv1.weight) for one in found)
        heads = [key for key in before if key.startswith(("head", "projector", "predictor"))]
        assert all(torch.equal(method.state_dict()[key], before[key]) for key in heads)


@pytest.mark.slow
def test_a_run_begins_with_another_projects_file(shards: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    given, _ = build_backbone("tiny")
    state = {f"module.encoder_q.{name}": value for name, value in given.state_dict().items()}
    torch.save({"state_dict": state | {"module.queue": torch.zeros(2)}}, tmp_path / "w.pth.tar")
    settings = Settings(
        data=str(shards), output=tmp_path / "run", init=str(tmp_path / "w.pth.tar"), loader="torch"
    )
    train(PRESET, settings, say=lambda _: None, echo=lambda _: None)
    saved = checkpoint.load(checkpoint.path_of(tmp_path / "run" / "checkpoints", 1))["method"]
    assert torch.equal(saved["backbone.conv1.weight"], given.conv1.weight)  # the rate is 0
    config = read_config(tmp_path / "run")
    assert len(config["init"]) == 64
    other = Settings(data=str(shards), output=tmp_path / "run", loader="torch")
    with pytest.raises(UsageError, match="init"):
        train(PRESET, other, say=lambda _: None, echo=lambda _: None)
