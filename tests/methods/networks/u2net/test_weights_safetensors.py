"""Weights in safetensors: the same masks as from the torch checkpoint, and files that lie."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskgen.errors import UsageError
from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.u2net.layers import U2Net
from maskgen.methods.networks.u2net.weights import load_network

safetensors = pytest.importorskip("safetensors.torch")


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return U2Net("u2netp").state_dict()


@pytest.mark.slow
def test_the_real_weights_give_the_same_masks_from_both_kinds_of_file(
    shared_data: Path, tmp_path: Path
) -> None:
    pth = shared_data / "weights/u2netp/u2netp_from_fp16.pth"
    converted = tmp_path / "u2netp.safetensors"
    safetensors.save_file(torch.load(pth, weights_only=True), converted, metadata={"format": "pt"})
    first, second = (
        make_method("u2netp", MethodOptions(weights=str(path), runtime="torch", precision="fp32"))
        for path in (pth, converted)
    )
    for path in sorted((shared_data / "ecssd/images").iterdir())[::120]:
        image = np.array(Image.open(path).convert("RGB"))
        mask = first(image)
        assert mask.max() > 0.9
        np.testing.assert_array_equal(mask, second(image))


@pytest.mark.slow
def test_every_tensor_arrives(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "u2netp.safetensors"
    safetensors.save_file(state, path)
    for name, value in load_network("u2netp", path).state_dict().items():
        assert torch.equal(value, state[name]), name


def test_half_precision_weights_are_widened(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "u2netp.safetensors"
    halves = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    safetensors.save_file(halves, path)
    weight = load_network("u2netp", path).state_dict()["side1.weight"]
    assert weight.dtype == torch.float32
    torch.testing.assert_close(weight, state["side1.weight"], rtol=1e-3, atol=1e-6)


def hostile(kind: str, good: bytes) -> bytes:
    """A file that says it is safetensors and is not, or not whole."""
    (length,) = struct.unpack("<Q", good[:8])
    header = json.loads(good[8 : 8 + length])
    if kind == "truncated":
        return good[: len(good) // 2]
    if kind == "endless header":
        return struct.pack("<Q", 1 << 62) + good[8:]
    if kind == "beyond the end":
        header["side1.weight"]["data_offsets"][1] += 1 << 40
    if kind == "pickle":
        return pickle.dumps({"side1.weight": [1.0]})
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + good[8 + length :]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["truncated", "endless header", "beyond the end", "pickle", "missing"])
def test_files_that_lie_are_refused_by_name(
    state: dict[str, torch.Tensor], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "u2netp.safetensors"
    if kind == "missing":
        safetensors.save_file({name: state[name] for name in list(state)[1:]}, path)
    else:
        safetensors.save_file(state, path)
        path.write_bytes(hostile(kind, path.read_bytes()))
    with pytest.raises(UsageError, match=r"u2netp\.safetensors"):
        load_network("u2netp", path)
