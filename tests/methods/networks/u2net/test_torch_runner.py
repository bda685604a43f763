"""U²-Net in torch: pixels in, stretched maps out, on a CPU and on a GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from u2net_samples import CHECKPOINT, INPUT, in_fresh_process, photos, random_network

from maskgen.errors import ImageFault
from maskgen.methods import MethodOptions, load_network, network_input
from maskgen.methods.networks.u2net.torch_runner import stretch, torch_infer


@pytest.mark.slow
def test_pixels_of_either_type_and_read_only_give_the_same() -> None:
    infer = torch_infer(random_network(), INPUT, device="cpu", precision="fp32")
    batch = photos(1)
    wanted = infer(batch)
    batch.setflags(write=False)
    np.testing.assert_array_equal(infer(batch), wanted)
    np.testing.assert_array_equal(infer(batch.astype(np.float32)), wanted)


@pytest.mark.slow
def test_the_divisor_is_the_declared_one() -> None:
    dark = photos(1) // 2
    by_maximum = torch_infer(random_network(), INPUT, device="cpu", precision="fp32")
    by_255 = torch_infer(random_network(), replace(INPUT, divisor="255"), device="cpu", precision="fp32")
    np.testing.assert_allclose(
        by_maximum(dark), by_255(dark.astype(np.float32) * (255 / dark.max())), atol=1e-4
    )
    assert np.abs(by_maximum(dark) - by_255(dark)).max() > 0.01


def test_stretch_is_min_max_of_each_map() -> None:
    maps = torch.tensor([[[0.2, 0.3, 0.6]], [[0.7, 0.7, 0.7]], [[0.0, 0.5, 1.0]]])
    wanted = torch.tensor([[[0.0, 0.25, 1.0]], [[0.0, 0.0, 0.0]], [[0.0, 0.5, 1.0]]])
    torch.testing.assert_close(stretch(maps), wanted)
    for value in (float("nan"), float("inf"), float("-inf")):
        maps[0, 0, 1] = value
        assert torch.isnan(stretch(maps)[0]).all()
        torch.testing.assert_close(stretch(maps)[1:], wanted[1:])


@pytest.mark.slow
def test_a_map_that_is_not_finite_costs_its_photo_only() -> None:
    how = replace(INPUT, resize="official")
    infer = torch_infer(random_network(), how, device="cpu", precision="fp32")
    batch = photos(3).astype(np.float32)
    batch[1, 5, 5, 0] = np.nan
    got = infer(batch)
    assert np.isnan(got[1]).all()
    np.testing.assert_array_equal(got[[0, 2]], infer(batch[[0, 2]]))
    with pytest.raises(ImageFault, match="non-finite"):
        infer(batch[1:2])


@pytest.mark.slow
def test_torchs_threads_are_set_to_one_only_when_asked(weights: Path) -> None:
    program = f"""
import os, torch
torch.set_num_threads(2)
from maskgen.methods import load_network, MethodOptions
for asked in ("2", "1"):
    os.environ["OMP_NUM_THREADS"] = asked
    load_network("u2netp", MethodOptions(weights={str(weights)!r}, runtime="torch"))
    print(torch.get_num_threads())
"""
    assert in_fresh_process(program).split() == ["2", "1"]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "mixed"])
def test_a_gpu_gives_the_same_maps_every_time(shared_data: Path, precision: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    options = MethodOptions(weights=str(shared_data / CHECKPOINT))
    how = network_input("u2netp", options)
    files = sorted((shared_data / "u2net_official" / "test_data" / "test_images").iterdir())[:8]
    batch = np.stack([how.prepare(np.array(Image.open(file).convert("RGB"))) for file in files])
    wanted = load_network("u2netp", options)(batch)
    infer = load_network("u2netp", replace(options, device="cuda", precision=precision))
    got = infer(batch)
    np.testing.assert_array_equal(infer(batch), got)
    np.testing.assert_array_equal(infer(np.roll(batch, 3, axis=0)), np.roll(got, 3, axis=0))
    error = np.abs(got - wanted)
    assert error.mean() < (1e-5 if precision == "fp32" else 5e-3)


@pytest.mark.gpu
def test_a_compiled_network_gives_the_same_maps(shared_data: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    options = MethodOptions(weights=str(shared_data / CHECKPOINT), device="cuda")
    batch = photos(8, 320)
    compiled = load_network("u2netp", replace(options, compile=True))(batch)
    np.testing.assert_allclose(compiled, load_network("u2netp", options)(batch), atol=0.05)
