"""`run_davis`: the figures, their files, and going on by clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from davis_kit import make_davis

from maskgen.errors import Interrupted
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.davis import open_davis
from maskgen.trainers.evaluations.davis.task import DavisConfig, run_davis, summarize


def config(data: Path, output: Path, **values: Any) -> DavisConfig:
    given: dict[str, Any] = {"checkpoint": "random", "backbone": "tiny", **values}
    return DavisConfig(device=torch.device("cpu"), data=data, output=output, **given)


def test_the_means_are_over_objects_not_clips(tmp_path: Path) -> None:
    clips = {clip.name: clip for clip in open_davis(make_davis(tmp_path))}
    one = {"J": np.array([[1.0, 1.0]]), "F": np.array([[0.5, 0.5]])}
    two = {"J": np.array([[0.0, 0.0], [0.5, 0.1]]), "F": np.array([[1.0, 1.0], [1.0, 1.0]])}
    found = summarize(clips, [one, two])
    assert found["J_mean"] == pytest.approx(1.3 / 3)
    assert found["F_mean"] == pytest.approx(2.5 / 3)
    assert found["J&F"] == pytest.approx(3.8 / 6)
    assert found["J_recall"] == pytest.approx(1 / 3)
    assert found["objects"] == 3
    assert found["clips"]["two"] == {"J": [0.0, 0.3], "F": [1.0, 1.0]}


@pytest.mark.slow
def test_it_goes_on_by_clip_and_repeats_its_bytes(tmp_path: Path) -> None:
    data = make_davis(tmp_path / "davis")
    whole = run_davis(config(data, tmp_path / "whole"))
    written = json.loads((tmp_path / "whole" / "davis.json").read_text())
    assert written == whole
    assert (whole["objects"], whole["layer"], whole["stride"]) == (4, "layer3", 0)
    assert whole["J_mean"] > 0.3
    stop = StopSignals()
    stop.count = 1
    with pytest.raises(Interrupted):
        run_davis(config(data, tmp_path / "twice"), stop=stop)
    assert [path.name for path in (tmp_path / "twice" / "masks").iterdir()] == ["one"]
    assert run_davis(config(data, tmp_path / "twice")) == whole
    for path in (tmp_path / "whole" / "masks").rglob("*.png"):
        other = tmp_path / "twice" / path.relative_to(tmp_path / "whole")
        assert other.read_bytes() == path.read_bytes()
    assert run_davis(config(data, tmp_path / "whole", rules="dino", split="val"))["J&F"] != whole["J&F"]


def test_a_resnet_is_compared_at_stride_8(tmp_path: Path) -> None:
    follower, stride = config(make_davis(tmp_path), tmp_path, backbone="resnet18").follower()
    assert stride == 8
    assert follower.maps(torch.zeros(1, 3, 64, 96)).shape == (1, 256, 8, 12)
