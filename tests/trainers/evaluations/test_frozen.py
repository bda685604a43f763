"""What every evaluation of a frozen encoder is told."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from maskgen.trainers.evaluations.frozen import FrozenConfig, write_result


def test_facts_name_the_network_its_weights_and_the_seed(tmp_path: Path) -> None:
    config = FrozenConfig(
        checkpoint="random", backbone="tiny", output=tmp_path, device=torch.device("cpu"), seed=3
    )
    facts = config.facts()
    assert facts["checkpoint_sha256"] == config.encoder.facts["checkpoint_sha256"]
    assert (facts["backbone"], facts["method"], facts["step"], facts["seed"]) == ("tiny", "random", 0, 3)
    assert config.encoder is config.encoder
    assert not any(parameter.requires_grad for parameter in config.encoder.network.parameters())


def test_a_result_is_json(tmp_path: Path) -> None:
    write_result(tmp_path / "new" / "r.json", {"iou": 0.5, "bins": [1, 2]})
    assert json.loads((tmp_path / "new" / "r.json").read_text()) == {"iou": 0.5, "bins": [1, 2]}
