"""U²-Net's graph in OpenVINO against the module it is written from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from u2net_samples import INPUT, photos, random_network, with_large_constant

from maskgen.errors import EnvironmentFault
from maskgen.methods.networks.u2net import openvino_runner
from maskgen.methods.networks.u2net.layers import offset_blocks

pytest.importorskip("openvino")


def remember_compiled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The models that are compiled from now on."""
    compiled: list[object] = []
    compile_model = openvino_runner.compile_model

    def keep(model: object, precision: str) -> object:
        compiled.append(compile_model(model, precision))
        return compiled[-1]

    monkeypatch.setattr(openvino_runner, "compile_model", keep)
    return compiled


@pytest.mark.slow
def test_a_side_that_no_halving_divides_gives_the_modules_map() -> None:
    side = 75
    batch = photos(1, side)
    infer = openvino_runner.openvino_infer(random_network(), replace(INPUT, side=side), precision="fp32")
    mean, std = np.array(INPUT.mean), np.array(INPUT.std)
    x = ((batch / batch.max() - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    with torch.no_grad():
        plain = random_network()(torch.from_numpy(x))[0, 0].numpy()
    wanted = (plain - plain.min()) / (plain.max() - plain.min())
    np.testing.assert_allclose(infer(batch)[0], wanted, atol=1e-4)


@pytest.mark.slow
def test_float32_is_kept_in_every_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = remember_compiled(monkeypatch)
    openvino_runner.openvino_infer(random_network(), INPUT, precision="fp32")
    found = openvino_runner.convolution_precisions(compiled[0])
    assert len(found) > 50
    assert set(found) == {"f32"}


@pytest.mark.slow
def test_mixed_keeps_the_marked_convolutions_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = remember_compiled(monkeypatch)
    network = with_large_constant(random_network())
    try:
        openvino_runner.openvino_infer(network, INPUT, precision="mixed")
    except EnvironmentFault as fault:
        pytest.skip(str(fault))  # a CPU without bfloat16
    found = openvino_runner.convolution_precisions(compiled[0])
    assert found.count("f32") == len(offset_blocks(network)) == 2
    assert set(found) == {"f32", "bf16"}
