"""The exported network against torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import RUNTIMES
from PIL import Image

from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.u2net.onnx_export import u2net_to_onnx
from maskgen.methods.networks.u2net.weights import load_network


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_exported_network_makes_the_masks_of_torch(
    shared_data: Path, tmp_path: Path, runtime: str
) -> None:
    weights = shared_data / "weights/u2netp/u2netp_from_fp16.pth"
    path = tmp_path / "u2netp.onnx"
    path.write_bytes(u2net_to_onnx(load_network("u2netp", weights), 320))
    options = {"runtime": runtime, "precision": "fp32", "network": "u2net", "weights": str(path)}
    ours = make_method("onnx", MethodOptions(**options))
    torchs = make_method(
        "u2netp", MethodOptions(weights=str(weights), runtime="torch", precision="fp32", resize="official")
    )
    photos = sorted((shared_data / "ecssd/images").iterdir())[::60]
    assert len(photos) == 6
    for photo in photos:
        image = np.array(Image.open(photo).convert("RGB"))
        np.testing.assert_allclose(ours(image), torchs(image), atol=1e-3)
    if runtime == RUNTIMES[0]:  # by the network's own name the kernel is that of its checkpoints
        by_name = make_method("u2netp", MethodOptions(weights=str(path)))
        torchs = make_method("u2netp", MethodOptions(weights=str(weights), runtime="torch"))
        image = np.array(Image.open(photos[0]).convert("RGB"))
        np.testing.assert_allclose(by_name(image), torchs(image), atol=1e-3)
