"""The runtimes against each other, against the plain module, and where they are not there."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from maskgen.errors import EnvironmentFault, ImageFault, UsageError
from maskgen.methods import MethodOptions, load_network, network_input, resolve_network
from maskgen.methods.networks.network import Infer, NetworkInput
from maskgen.methods.networks.u2net.layers import ConvBlock, U2Net, cast, fold_batch_norm, offset_blocks
from maskgen.methods.networks.u2net.openvino_runner import openvino_infer
from maskgen.methods.networks.u2net.torch_runner import stretch, torch_infer
from maskgen.methods.networks.u2net.weights import load_network as read_network

CHECKPOINT = "weights/u2netp/u2netp_from_fp16.pth"
RUNTIMES = ("torch", "openvino", "onnxruntime")
SIDE = 96
INPUT = NetworkInput(SIDE, divisor="max", resize="antialias")


def random_network(seed: int = 0) -> U2Net:
    """U²-Net-p with random weights whose logits spread over a few units."""
    torch.manual_seed(seed)
    network = U2Net("u2netp").eval()
    with torch.no_grad():
        for block in network.modules():
            if isinstance(block, ConvBlock):
                block.bn_s1.running_var.fill_(0.3)  # type: ignore[operator, union-attr]
                block.bn_s1.running_mean.uniform_(-0.1, 0.1)  # type: ignore[operator, union-attr]
    return network


def photos(count: int, side: int = SIDE) -> NDArray[np.uint8]:
    """Smooth noise with an object."""
    rng = np.random.default_rng(0)
    batch = np.empty((count, side, side, 3), np.uint8)
    for out in batch:
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        out[:] = np.asarray(coarse.resize((side, side), Image.Resampling.BILINEAR))
        out[side // 4 : side // 2, side // 3 : side // 2] = rng.integers(0, 256, 3)
    return batch


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "u2netp.pth"
    torch.save(random_network().state_dict(), path)
    return path


@pytest.fixture(scope="module", params=RUNTIMES)
def infer(request: pytest.FixtureRequest, weights: Path) -> Infer:
    """Every runtime with the same random weights, 320 px."""
    return load_network("u2netp", MethodOptions(weights=str(weights), runtime=request.param))


# --- what is computed


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


def test_a_batch_gives_what_its_photos_give_alone(infer: Infer) -> None:
    prepared = [NetworkInput(resize="antialias").prepare(photo) for photo in sizes()]
    together = infer(np.stack(prepared))
    assert together.shape == (len(prepared), 320, 320)
    for photo, saliency in zip(prepared, together, strict=True):
        np.testing.assert_array_equal(infer(photo[None])[0], saliency)


def sizes() -> list[NDArray[np.uint8]]:
    wide = photos(1, 300)[0][:200]
    return [wide, photos(1, 700)[0][:, :400], np.zeros((50, 60, 3), np.uint8)]


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


def test_pixels_of_either_type_and_read_only_give_the_same() -> None:
    infer = torch_infer(random_network(), INPUT, device="cpu", precision="fp32")
    batch = photos(1)
    wanted = infer(batch)
    batch.setflags(write=False)
    np.testing.assert_array_equal(infer(batch), wanted)
    np.testing.assert_array_equal(infer(batch.astype(np.float32)), wanted)


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


# --- reduced precision


def with_large_constant(network: U2Net) -> U2Net:
    """The same function inside the map, but one channel carries 300 and the next convolution takes it off again."""
    fold_batch_norm(network)
    first = network.get_submodule("stage2d.rebnconv2d.conv_s1")
    second = network.get_submodule("stage2d.rebnconv1d.conv_s1")
    with torch.no_grad():
        first.bias[0] += 300  # type: ignore[index, operator]
        second.weight[:, 0] += torch.sign(second.weight[:, 0])  # type: ignore[index, operator, arg-type]
        second.bias -= 300 * second.weight[:, 0].sum((1, 2))  # type: ignore[index, operator]
    return network


def test_blocks_with_large_constants_are_found() -> None:
    assert not offset_blocks(fold_batch_norm(random_network()))
    found = offset_blocks(with_large_constant(random_network()))
    assert found == {"stage2d.rebnconv2d", "stage2d.rebnconv1d"}


def test_those_of_the_trained_network(shared_data: Path) -> None:
    network = fold_batch_norm(read_network("u2netp", shared_data / CHECKPOINT))
    wanted = {"stage2d.rebnconv1d", "stage2d.rebnconv2d", "stage1d.rebnconv2d", "stage1d.rebnconv3d"}
    assert offset_blocks(network) == wanted


def test_casting_leaves_the_kept_blocks_their_values() -> None:
    network = with_large_constant(random_network())
    before = copy.deepcopy(network.state_dict())
    kept = offset_blocks(network)
    cast(network, torch.bfloat16, kept)
    for key, value in network.state_dict().items():
        if key.rsplit(".", 2)[0] in kept:
            assert torch.equal(value, before[key])
        else:
            assert value.dtype == torch.bfloat16
    with torch.inference_mode():
        maps = network.logits(torch.rand(1, 3, 64, 64))
    assert {one.dtype for one in maps} == {torch.bfloat16}


def test_any_block_can_be_kept() -> None:
    network = fold_batch_norm(random_network())
    blocks = [name for name, module in network.named_modules() if isinstance(module, ConvBlock)]
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        wanted = network.logits(x)[0]
        for kept in (blocks[::2], blocks[1::2], blocks):
            half = cast(copy.deepcopy(network), torch.bfloat16, frozenset(kept))
            got = half.logits(x)[0]  # type: ignore[operator]
            assert got.dtype == torch.bfloat16
            assert torch.isfinite(got).all()
        error = (
            (got.float() - wanted).abs().mean()
        )  # all blocks kept: what is left is rounding between the stages
        assert 0 < error < 0.05 * wanted.std()


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


# --- what is chosen


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (MethodOptions(device="tpu"), "--device got 'tpu'"),
        (MethodOptions(precision="fp16"), "--precision fp16"),
        (MethodOptions(precision="tf32"), "--precision tf32"),
        (MethodOptions(runtime="onnxruntime", precision="bf16"), "--precision fp32"),
        (MethodOptions(runtime="openvino", compile=True), "--runtime torch"),
        (MethodOptions(runtime="openvino", device="cuda"), "--runtime torch or onnxruntime"),
        (MethodOptions(network="isnet"), "--method onnx"),
    ],
)
def test_what_cannot_be_had_is_said(options: MethodOptions, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_network("u2netp", options)
    assert words in str(caught.value)


def test_open_choices_are_decided_once() -> None:
    chosen = resolve_network("u2netp", MethodOptions(weights="x.pth"))
    assert (chosen.runtime, chosen.precision, chosen.network) == ("openvino", "fp32", "")
    assert resolve_network("u2netp", chosen) == chosen
    with_torch = resolve_network("u2netp", MethodOptions(runtime="torch", precision="bf16"))
    assert (with_torch.runtime, with_torch.precision) == ("torch", "bf16")


def test_a_missing_runtime_is_passed_over_or_named() -> None:
    program = """
import sys
from maskgen.errors import EnvironmentFault
from maskgen.methods import MethodOptions, load_network, resolve_network

def shown(**options):
    try:
        chosen = resolve_network("u2netp", MethodOptions(**options))
        print(chosen.runtime, chosen.precision)
    except EnvironmentFault as fault:
        print(fault.what, "|", fault.remedy)

sys.modules["openvino"] = None
shown()
shown(precision="mixed")
shown(runtime="openvino")
sys.modules["onnx"] = None
shown()
shown(runtime="onnxruntime")
sys.modules["torch"] = None
shown()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "onnxruntime fp32",
        "torch mixed",
        "openvino is not installed | pip install 'maskgen[openvino]'",
        "torch fp32",
        "onnxruntime is not installed | pip install 'maskgen[onnx]'",
        "learned methods need torch | pip install 'maskgen[train]'",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("runtime", ["auto", "torch", "onnxruntime"])
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_a_gpu_is_an_error_and_no_silent_cpu_run(
    weights: Path, runtime: str, device: str
) -> None:
    options = MethodOptions(weights=str(weights), runtime=runtime, device=device)
    for step in (resolve_network, load_network):
        with pytest.raises(EnvironmentFault, match=r"--device cuda was asked for"):
            step("u2netp", options)


def in_fresh_process(program: str, **environment: str) -> str:
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**keep, **environment},
    )
    return done.stdout.strip()


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


def test_openvino_reports_to_nobody(weights: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from maskgen.methods import load_network, MethodOptions
load_network("u2netp", MethodOptions(weights={str(weights)!r}, runtime="openvino", precision="fp32"))
print([name for name in sys.modules if name.startswith("openvino_telemetry")])
import openvino_telemetry  # the package itself is left as it was
"""
    assert in_fresh_process(program, HOME=str(tmp_path), OMP_NUM_THREADS="1") == "[]"
    assert not list(tmp_path.rglob("*openvino*"))  # where it would keep the client's number


@pytest.mark.parametrize("first", [0, 1])
def test_signals_are_safe_whichever_openvino_network_goes_first(weights: Path, first: int) -> None:
    """OpenVINO swaps the thread's signal stack; with faulthandler there is one to swap."""
    program = f"""
import faulthandler, os, signal
faulthandler.enable()
from maskgen.methods import load_network, MethodOptions
options = MethodOptions(weights={str(weights)!r}, runtime="openvino", precision="fp32")
held = [load_network("u2netp", options) for _ in range(2)]
held.pop({first})
held.clear()
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)
print("alive")
"""
    assert in_fresh_process(program) == "alive"


# --- on a GPU


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
