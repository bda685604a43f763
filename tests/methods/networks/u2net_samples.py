"""A small U²-Net-p with random weights and photos for it, shared by the tests of what runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from maskgen.methods.network import NetworkInput
from maskgen.methods.networks.u2net.layers import ConvBlock, U2Net, fold_batch_norm

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


def with_large_constant(network: U2Net) -> U2Net:
    """The same function inside the map, but one channel carries 300 and the next convolution takes it off
    again.
    """
    fold_batch_norm(network)
    first = network.get_submodule("stage2d.rebnconv2d.conv_s1")
    second = network.get_submodule("stage2d.rebnconv1d.conv_s1")
    with torch.no_grad():
        first.bias[0] += 300  # type: ignore[index, operator]
        second.weight[:, 0] += torch.sign(second.weight[:, 0])  # type: ignore[index, operator, arg-type]
        second.bias -= 300 * second.weight[:, 0].sum((1, 2))  # type: ignore[index, operator]
    return network


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
