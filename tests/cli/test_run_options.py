"""What the options of a run say about each other."""

from __future__ import annotations

import pytest

from maskgen.cli.run_options import find_unused
from maskgen.config.run_config import make_config


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        (
            {
                "method": "u2netp",
                "weights": "w.pth",
                "resize": "antialias",
                "device": "cuda",
                "devices": "0,1",
            },
            [],
        ),
        ({"executor": "ray", "ray_address": "head:6379"}, []),
        ({"ray_address": "head:6379"}, ["--ray-address: no effect, the executor is not ray"]),
        (
            {"method": "u2netp", "weights": "w.pth", "device": "cuda", "devices": "1", "executor": "ray"},
            ["--devices: no effect, each node has the GPUs that Ray knows of"],
        ),
        ({"method": "u2netp", "devices": "0,1"}, ["--devices: no effect, the device is the CPU"]),
        (
            {"method": "vote", "devices": "0,1", "precision": "bf16"},
            ["--precision, --devices: no effect, vote has no network"],
        ),
        ({"method": "files", "masks": "m", "missing": "empty"}, []),
        ({"masks": "m", "missing": "empty"}, ["--masks, --missing: no effect, fast makes the masks"]),
        ({"labels": "none"}, []),
        (
            {"background_network": "lama"},
            ["--background-network: no effect, the background is no onnx model"],
        ),
        ({"dataset": "coco", "labels": "none"}, ["--labels: no effect, the data set is no folder"]),
        ({"name_feature": "id"}, ["--name-feature: no effect, the data set is not jft"]),
        ({"dataset": "jft", "name_feature": "id"}, []),
        ({"background_side": 64}, []),
        (
            {"background": "none", "background_side": 64},
            ["--background-side: no effect, no backgrounds are made"],
        ),
    ],
)
def test_what_a_run_does_not_use_is_told(given: dict[str, object], told: list[str]) -> None:
    config = make_config({"dataset": "folder", "output": "x", **given})
    assert list(find_unused(config)) == told
