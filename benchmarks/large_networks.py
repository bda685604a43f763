"""Memory and time of large networks on one core, by batch size, with random weights.

    python benchmarks/large_networks.py [--networks u2netp u2net lite large] [--batches 1 2 4] [--photos 2]

The weights are random: what a network needs does not depend on them. ``u2net`` is the full U²-Net (44 M
parameters, 320 px). ``lite`` and ``large`` stand for BiRefNet with a Swin-T and with a Swin-L (1024 px; 7x7
and 12x12 windows): torchvision's Swin transformer, run at full and at half size as BiRefNet runs its encoder,
and a decoder of four levels in which ordinary convolutions take the place of deformable ones. They are near
the real ones in parameters, in the sizes of what lies in memory, and in the arithmetic of the encoder, which
is most of it; they are not the real ones.

Each (network, batch) is a process of its own with one thread. It reads the ONNX file and compiles it as a
worker of `maskgen run` does, computes one batch, and then `--photos` photos or one batch in timed ones.
Printed: peak resident memory, all of it and less what the process had before the file was read, and CPU
seconds of a photo, also as a multiple of U²-Net-p's in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SWINS: dict[str, dict[str, Any]] = {
    "lite": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": [7, 7]},
    "large": {
        "embed_dim": 192,
        "depths": [2, 2, 18, 2],
        "num_heads": [6, 12, 24, 48],
        "window_size": [12, 12],
    },
}
SIDES_PX = {"u2netp": 320, "u2net": 320, "lite": 1024, "large": 1024}
MIDDLE = 64
"""Channels inside a level of BiRefNet's decoder."""


def stand_in(name: str) -> Any:
    """A network of BiRefNet's size: (B, 3, 1024, 1024) in, logits (B, 1, 1024, 1024) out."""
    import torch
    from torch import nn
    from torch.nn import functional
    from torchvision.models.swin_transformer import SwinTransformer

    class Level(nn.Module):
        """One level of the decoder: squeezed, seen through three windows, widened."""

        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(inputs, MIDDLE, 3, padding=1)
            self.windows = nn.ModuleList(nn.Conv2d(MIDDLE, 256, k, padding=k // 2) for k in (1, 3, 7))
            self.join = nn.Conv2d(3 * 256, MIDDLE, 1)
            self.widen = nn.Conv2d(MIDDLE, outputs, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = functional.relu(self.squeeze(x))
            x = self.join(torch.cat([functional.relu(window(x)) for window in self.windows], 1))
            return self.widen(functional.relu(x))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = SwinTransformer([4, 4], **SWINS[name], num_classes=1).features
            wide = [2 * SWINS[name]["embed_dim"] * 2**level for level in range(4)]  # of both sizes
            self.levels = nn.ModuleList(Level(wide[i], wide[max(i - 1, 0)]) for i in (3, 2, 1, 0))
            self.last = nn.Conv2d(wide[0], 1, 1)

        def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
            found = []
            for number, part in enumerate(self.encoder):
                x = part(x)
                if number % 2:
                    found.append(x.permute(0, 3, 1, 2))
            return found

        def forward(self, photo: torch.Tensor) -> torch.Tensor:
            half = functional.interpolate(photo, scale_factor=0.5, mode="bilinear")
            both = [
                torch.cat([whole, functional.interpolate(part, scale_factor=2.0, mode="bilinear")], 1)
                for whole, part in zip(self.maps(photo), self.maps(half), strict=True)
            ]
            x = both.pop()
            for level in self.levels:
                x = level(x)
                if both:
                    x = functional.interpolate(x, scale_factor=2.0, mode="bilinear") + both.pop()
            return functional.interpolate(self.last(x), scale_factor=4.0, mode="bilinear")

    torch.manual_seed(0)
    return Network().eval()


def write_model(name: str, path: Path) -> None:
    """The network with random weights as an ONNX file with a free batch axis; its parameters are counted."""
    import torch

    from maskgen.methods.networks.u2net.layers import U2Net
    from maskgen.methods.networks.u2net.onnx_export import u2net_to_onnx

    torch.manual_seed(0)
    side = SIDES_PX[name]
    network = stand_in(name) if name in SWINS else U2Net(name).eval()
    count = sum(values.numel() for values in network.parameters())
    if name in SWINS:
        with torch.inference_mode():
            torch.onnx.export(
                network,
                (torch.zeros(1, 3, side, side),),
                str(path),
                dynamo=False,
                opset_version=18,
                input_names=["photo"],
                output_names=["map"],
                dynamic_axes={"photo": {0: "batch"}, "map": {0: "batch"}},
            )
    else:
        path.write_bytes(u2net_to_onnx(network, side))
    print(json.dumps({"parameters_m": round(count / 1e6, 1), "file_mb": round(path.stat().st_size / 1e6)}))


def measure(name: str, path: Path, batch: int, runtime: str, photos: int) -> None:
    """Memory and time of one network at one batch size, as one line of JSON."""
    import numpy as np

    from maskgen.methods.networks.onnx.file import read_model
    from maskgen.methods.networks.onnx.session import model_runner

    __import__(runtime)
    side = SIDES_PX[name]
    pixels = np.random.default_rng(0).standard_normal((batch, 3, side, side)).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run = model_runner(read_model(path), runtime, pixels.shape)
    run(pixels)
    calls = max(1, photos // batch)
    started = time.process_time()
    for _ in range(calls):
        run(pixels)
    spent = (time.process_time() - started) / (calls * batch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak_gb": peak / 2**20, "more_gb": (peak - before) / 2**20, "cpu_s": spent}))


def apart(*words: str) -> dict[str, Any]:
    """The last line of JSON of this script in a process of its own, with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--networks", nargs="+", default=["u2netp", "u2net", "lite"], choices=list(SIDES_PX))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--runtimes", nargs="+", default=["openvino", "onnxruntime"])
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        kind, name, path, *rest = options.step
        if kind == "write":
            return write_model(name, Path(path))
        return measure(name, Path(path), int(rest[0]), rest[1], options.photos)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.onnx" for name in ("u2netp", *options.networks)}
        for name, path in paths.items():
            print(name, apart("--step", "write", name, str(path)), flush=True)
        for runtime in options.runtimes:
            unit = 0.0
            for name, path in paths.items():
                for batch in options.batches:
                    words = ("--step", "measure", name, str(path), str(batch), runtime)
                    found = apart(*words, "--photos", str(options.photos))
                    unit = unit or found["cpu_s"]
                    print(
                        f"{runtime:12} {name:7} batch {batch}: {found['peak_gb']:.2f} GiB at most, "
                        f"{found['more_gb']:.2f} of it the network's; {found['cpu_s']:.2f} CPU s a photo, "
                        f"{found['cpu_s'] / unit:.1f} x u2netp",
                        flush=True,
                    )
    return None


if __name__ == "__main__":
    main()
