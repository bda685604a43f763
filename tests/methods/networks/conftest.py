"""The weights of a random U²-Net-p in a file, and the network in every runtime."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(
    0, str(Path(__file__).parent)
)  # u2net_samples.py and onnx_models.py are imported by several tests

from maskgen.methods import MethodOptions, load_network
from maskgen.methods.network import Infer


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from u2net_samples import random_network

    path = tmp_path_factory.mktemp("weights") / "u2netp.pth"
    torch.save(random_network().state_dict(), path)
    return path


@pytest.fixture(scope="module", params=["torch", "openvino", "onnxruntime"])
def infer(request: pytest.FixtureRequest, weights: Path) -> Infer:
    """Every runtime with the same random weights, 320 px."""
    return load_network("u2netp", MethodOptions(weights=str(weights), runtime=request.param))
