"""What a training step holds in memory, plainly and with `--recompute` and `--joint-loss`.

    python benchmarks/training_memory.py measure [--batch 32] [--side 64] [--backbone resnet50]
    python benchmarks/training_memory.py formula [--batch 512] [--bytes 2]

`measure` makes one step of each method (`--only` of some) on noise, a process for each: the peak of torch's
allocator beyond the start of the step by torch's profiler, and in a second process that of resident
memory. `formula` counts what autograd keeps of a ResNet-50 at full size on torch's device `meta`, which has
shapes and no numbers, and adds up: all views (none), the largest view (views), of all views the inputs of
blocks and the largest block (blocks), of the largest view the same (both), a part of the largest view
(joint).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from maskgen.loaders.recipes.spec import View
from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress
from maskgen.trainers.networks.backbones import build_backbone
from maskgen.trainers.networks.recompute import blocks_of, recompute_blocks
from maskgen.trainers.presets import PRESETS, with_overrides
from maskgen.trainers.settings import Settings
from maskgen.trainers.training.step import Training, prepare

HOW: dict[str, dict[str, Any]] = {
    "none": {},
    "views": {"recompute": "views"},
    "blocks": {"recompute": "blocks"},
    "both": {"recompute": "both"},
    "joint": {"accumulate": 8, "joint_loss": True},
    "joint, blocks": {"accumulate": 8, "joint_loss": True, "recompute": "blocks"},
}
METHODS = {
    "relicv2": "relicv2",
    "byol": "byol",
    "simclr": "relicv2",
    "knn-moco": "knn-moco",
    "mocov2": "mocov2",
    "swav": "swav",
    "cast": "cast",
    "msr": "msr",
}
"""Each with its recipe."""
SMALL_CROPS = ("relicv2", "knn-moco", "swav")
"""Recipes that have them."""


def training(method: str, how: str, given: argparse.Namespace) -> tuple[Training, Views]:
    """A step to be made, and its batch of noise; the large views have `side`, the small ones half of it."""
    small = {"small_px": str(given.side // 2)} if METHODS[method] in SMALL_CROPS else {}
    values = {
        "batch_size": str(given.batch),
        "backbone": given.backbone,
        "view_px": str(given.side),
        "recipe": METHODS[method],
        **small,
    }
    preset = with_overrides(PRESETS[method]["smoke"], values)
    settings = Settings(data="none", output=Path("none"), **HOW[how])
    made = prepare(preset, settings, torch.device("cpu"), steps_per_epoch=10, classes=2)
    for parameter in made.method.parameters():  # they are there before and after a step alike
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    return made, noise(preset.views.views, given.batch)


def noise(wanted: Sequence[View], rows: int) -> Views:
    """A batch with all that a recipe's views have."""

    def picture(size: int) -> Tensor:
        return torch.randn(rows, 3, size, size)

    return Views(
        tuple(picture(view.size) for view in wanted),
        weak=tuple(picture(view.size) if view.weak else None for view in wanted),
        masked=tuple(picture(view.size) if view.masked else None for view in wanted),
        cam_masks=tuple(
            torch.rand(rows, view.cam_masks, view.cam_masks) if view.cam_masks else None for view in wanted
        ),
    )


def step(made: Training, views: Views) -> None:
    """Forward and backward."""
    made.model(views, Progress(1, 10, 0.0)).loss.backward()


def measure_one(method: str, how: str, given: argparse.Namespace) -> float:
    """MiB of the allocator, or with `--resident` of the process."""
    torch.set_num_threads(1)
    made, views = training(method, how, given)
    if given.resident:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        step(made, views)
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        step(made, views)
    events: Any = found.profiler
    sizes = sorted(
        (e.start_ns(), e.nbytes()) for e in events.kineto_results.events() if e.name() == "[memory]"
    )
    return int(torch.tensor([size for _, size in sizes]).cumsum(0).max()) / 2**20


def measure(given: argparse.Namespace) -> None:
    """A row for each method and way."""
    for method in given.only.split(",") if given.only else METHODS:
        plain: list[float] = []
        for how in HOW:
            found = [float(child(method, how, given, *more)) for more in ((), ("--resident",))]
            plain = plain or found
            ratio = [one / other for one, other in zip(plain, found, strict=True)]
            print(
                f"{method:9} {how:14} {found[0]:7.0f} MiB {ratio[0]:5.2f}   "
                f"resident {found[1]:7.0f} MiB {ratio[1]:5.2f}",
                flush=True,
            )


def child(method: str, how: str, given: argparse.Namespace, *more: str) -> str:
    """The last line of a process of its own."""
    sizes = [f"--{name}={getattr(given, name)}" for name in ("batch", "side", "backbone")]
    command = [sys.executable, __file__, "one", "--method", method, "--how", how, *sizes, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def kept_bytes(network: nn.Module, images: Tensor) -> tuple[int, Tensor]:
    """What autograd keeps of a pass beside its weights and the images; and the result."""
    held: dict[int, Any] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        made = network(images)
    outside = {p.untyped_storage()._cdata for p in network.parameters()} | {images.untyped_storage()._cdata}
    return sum(one.nbytes() for cdata, one in held.items() if cdata not in outside), made


def largest_block(network: nn.Module, images: Tensor) -> int:
    """The most that a block keeps when it is computed again."""
    sizes: list[int] = []

    def look(block: nn.Module, given: tuple[Tensor, ...]) -> None:
        if not busy:
            busy.append(True)
            sizes.append(kept_bytes(block, given[0])[0])
            busy.clear()

    busy: list[bool] = []
    hooks = [block.register_forward_pre_hook(look) for block in blocks_of(network)]
    network(images)
    for hook in hooks:
        hook.remove()
    return max(sizes)


def formula(given: argparse.Namespace) -> None:
    """GiB for RELICv2's numbers of large and small views."""
    dtype = {2: torch.bfloat16, 4: torch.float32}[given.bytes]
    sides, gib = (224, 96), 2**30
    with torch.device("meta"):
        network = build_backbone(given.backbone)[0].to(dtype)
        images = [torch.zeros(given.batch, 3, side, side, dtype=dtype) for side in sides]
    whole = [kept_bytes(network, one)[0] for one in images]
    inner = [largest_block(network, one) for one in images]
    recompute_blocks(network)
    inputs = [kept_bytes(network, one)[0] for one in images]
    print(f"one view of {sides} px: kept {whole}, blocks' inputs {inputs}, largest block {inner} bytes")
    for counts in ((2, 0), (2, 6), (4, 2), (8, 2)):
        used = [n for n in (0, 1) if counts[n]]
        held = {
            "none": sum(counts[n] * whole[n] for n in used),
            "views": max(whole[n] for n in used),
            "blocks": sum(counts[n] * inputs[n] for n in used) + max(inner[n] for n in used),
            "both": max(inputs[n] + inner[n] for n in used),
            "joint": max(whole[n] for n in used) / 8,
        }
        pixels = sum(counts[n] * images[n].numel() * given.bytes for n in used)
        shown = ", ".join(
            f"{how} {size / gib:.1f} ({held['none'] / size:.1f} x)" for how, size in held.items()
        )
        print(f"{list(counts)}: {shown}; pixels {pixels / gib:.1f} GiB")


def main() -> None:
    """Measure, or work out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["measure", "formula", "one"])
    parser.add_argument("--batch", type=int)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--bytes", type=int, default=2, choices=[2, 4])
    parser.add_argument("--only", help="of these methods, with commas between them")
    parser.add_argument("--method")
    parser.add_argument("--how")
    parser.add_argument("--resident", action="store_true")
    given = parser.parse_args()
    given.batch = given.batch or (512 if given.what == "formula" else 32)
    if given.what == "one":
        print(measure_one(given.method, given.how, given))
    elif given.what == "measure":
        measure(given)
    else:
        formula(given)


if __name__ == "__main__":
    main()
