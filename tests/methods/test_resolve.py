"""Which runtime and arithmetic are chosen, and what is said where they are not to be had."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods import MethodOptions, load_network, resolve_network


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


@pytest.mark.slow
def test_a_missing_runtime_is_passed_over_or_named() -> None:
    program = """
import sys
from maskgen.errors import EnvironmentFault
from maskgen.methods import MethodOptions, load_network, resolve_network

def shown(name="u2netp", **options):
    try:
        chosen = resolve_network(name, MethodOptions(**options))
        print(chosen.runtime, chosen.precision)
    except EnvironmentFault as fault:
        print(fault.what, "|", fault.remedy)

sys.modules["openvino"] = None
shown()
shown(precision="mixed")
shown(runtime="openvino")
sys.modules["torch"] = None
shown()
shown("fast")
shown("fast", precision="bf16")
shown("fast", runtime="torch")
sys.modules["onnxruntime"] = None
shown("fast")
shown("fast", runtime="onnxruntime")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "onnxruntime fp32",
        "torch mixed",
        "openvino is not installed | pip install 'maskgen[openvino]'",
        "learned methods need torch | pip install 'maskgen[train]'",
        "onnxruntime fp32",
        "none of openvino, torch is installed | pip install 'maskgen[openvino]'",
        "torch is not installed | pip install 'maskgen[train]'",
        "none of onnxruntime, openvino, torch is installed | pip install onnxruntime",
        "onnxruntime is not installed | pip install onnxruntime",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("runtime", ["auto", "torch", "onnxruntime"])
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_a_gpu_is_an_error_and_no_silent_cpu_run(runtime: str, device: str) -> None:
    options = MethodOptions(weights="x.pth", runtime=runtime, device=device)
    for step in (resolve_network, load_network):
        with pytest.raises(EnvironmentFault, match=r"--device cuda was asked for"):
            step("u2netp", options)


@pytest.mark.parametrize("name", ["rbd", "u2netq"])
def test_a_method_without_a_network_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' is no learned method"):
        resolve_network(name, MethodOptions())
