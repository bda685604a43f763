"""The runtimes against each other and against the plain module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from u2net_samples import CHECKPOINT, INPUT, RUNTIMES, photos, random_network, with_large_constant

from maskgen.errors import EnvironmentFault, ImageFault
from maskgen.methods import MethodOptions, load_network, network_input
from maskgen.methods.network import Infer, NetworkInput
from maskgen.methods.networks.u2net.openvino_runner import openvino_infer
from maskgen.methods.networks.u2net.torch_runner import torch_infer


@pytest.mark.slow
def test_every_runtime_equals_the_plain_module(infer: Infer) -> None:
    batch = photos(2, 320)
    batch[1] //= 3  # another maximum than 255
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    got = infer(batch)
    assert got.dtype == np.float32
    network = random_network()  # batch norms not folded
    for photo, saliency in zip(batch, got, strict=True):
        x = ((photo / photo.max() - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
        with torch.no_grad():
            plain = network(torch.from_numpy(x))[0, 0].numpy()
        wanted = (plain - plain.min()) / (plain.max() - plain.min())
        assert wanted.std() > 0.05
        np.testing.assert_allclose(saliency, wanted, atol=1e-4)


@pytest.mark.slow
def test_a_batch_gives_what_its_photos_give_alone(infer: Infer) -> None:
    prepared = [NetworkInput(resize="antialias").prepare(photo) for photo in sizes()]
    together = infer(np.stack(prepared))
    assert together.shape == (len(prepared), 320, 320)
    for photo, saliency in zip(prepared, together, strict=True):
        np.testing.assert_array_equal(infer(photo[None])[0], saliency)


def sizes() -> list[NDArray[np.uint8]]:
    wide = photos(1, 300)[0][:200]
    return [wide, photos(1, 700)[0][:, :400], np.zeros((50, 60, 3), np.uint8)]


@pytest.mark.slow
def test_real_weights_agree_between_the_runtimes(shared_data: Path) -> None:
    options = MethodOptions(weights=str(shared_data / CHECKPOINT))
    how = network_input("u2netp", options)
    files = sorted((shared_data / "ecssd" / "images").glob("*.jpg"))[7:300:150]
    batch = np.stack([how.prepare(np.array(Image.open(file).convert("RGB"))) for file in files])
    first, *others = [
        load_network("u2netp", replace(options, runtime=runtime))(batch) for runtime in RUNTIMES
    ]
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-4)  # bfloat16 by accident would be .7 off


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_a_network_that_gives_no_finite_map_is_noticed(runtime: str) -> None:
    network = random_network()
    torch.nn.init.constant_(network.outconv.bias, float("nan"))  # type: ignore[arg-type]
    if runtime == "torch":
        infer = torch_infer(network, INPUT, device="cpu", precision="fp32")
    else:
        infer = openvino_infer(network, INPUT, precision="fp32")
    assert np.isnan(infer(photos(2))).all()
    with pytest.raises(ImageFault, match="non-finite"):
        infer(photos(1))


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_mixed_repairs_what_bfloat16_breaks(runtime: str) -> None:
    batch = photos(2)

    def saliency(precision: str) -> NDArray[Any]:
        network = with_large_constant(random_network())
        if runtime == "torch":
            return torch_infer(network, INPUT, device="cpu", precision=precision)(batch)
        return openvino_infer(network, INPUT, precision=precision)(batch)

    wanted = saliency("fp32")
    try:
        errors = {name: float(np.abs(saliency(name) - wanted).mean()) for name in ("bf16", "mixed")}
    except EnvironmentFault as fault:
        pytest.skip(str(fault))  # a CPU without bfloat16
    assert 0 < errors["mixed"] < errors["bf16"] / 4
