"""`maskgen mask` and `rembg` as commands: the same ONNX file, photos and core, by turns.

    python benchmarks/mask_vs_rembg.py PHOTOS --weights u2netp.pth --rembg-python VENV/bin/python

rembg runs in an environment of its own with ``rembg[cpu,cli]``; it gets our ONNX export of the weights as its
custom session, `maskgen mask` the same file. Each command is timed on one photo (``rembg i`` and ``maskgen
mask PHOTO``) and on a folder (``rembg p``, ``maskgen mask FOLDER``); masks only, one thread on one core,
byte code of all libraries compiled beforehand. A photo's time is the folder's above that of a folder of two
photos, start-up is one photo's command without it. CPU time is given too, which other work on the machine
moves less.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from vs_rembg import REMBG, Bench, copied, export, grey, mean_iou, timed

FEW = 2
"""Photos of a small folder; one alone would be done without a worker process."""
RUNTIMES = {"maskgen, ONNX Runtime": "onnxruntime", "maskgen, OpenVINO": "openvino"}
Command = Callable[[Path, Path], list[str]]


def ours(bench: Bench, runtime: str) -> Command:
    """`maskgen mask`, of a photo or a folder."""
    words = [sys.executable, "-m", "maskgen.cli", "mask"]
    network = ["--method", "u2netp", "--weights", str(bench.model), "--runtime", runtime, "--workers", "1"]
    return lambda photos, output: [*words, str(photos), str(output), *network]


def theirs(bench: Bench) -> Command:
    """`rembg i` of a photo, `rembg p` of a folder."""

    def command(photos: Path, output: Path) -> list[str]:
        words = bench.rembg_command(photos, output)
        words[1] = "p" if photos.is_dir() else "i"
        return words

    return command


def measure(commands: dict[str, Command], scratch: Path, inputs: dict[str, Path], rounds: int) -> dict:
    """The least (wall, CPU) seconds of each command on each input."""
    took: dict[str, dict[str, list[NDArray[np.float64]]]] = {name: {} for name in commands}
    bench = Bench(scratch, inputs["many"], Path(), Path())
    for turn in range(rounds + 1):  # the first one compiles
        for name, command in commands.items():
            for kind, photos in inputs.items():
                output = scratch / "out" / name.replace(" ", "-") / kind
                shutil.rmtree(output, ignore_errors=True)
                output.mkdir(parents=True)
                target = output if photos.is_dir() else output / "mask.png"
                seconds = timed(bench, command(photos, target))
                if turn:
                    took[name].setdefault(kind, []).append(seconds)
    return {
        name: {kind: np.min(times, axis=0) for kind, times in kinds.items()} for name, kinds in took.items()
    }


def show(found: dict, count: int, ious: dict[str, float]) -> None:
    """A table: seconds by the clock and of CPU time, each also as a share of rembg's."""
    heads = ("start-up, s", "of rembg", "CPU s", "of rembg", "ms a photo", "of rembg", "CPU ms", "of rembg")
    print(f"| command | {' | '.join(heads)} | IoU with rembg's |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    each = {name: (one["many"] - one["folder"]) / (count - FEW) for name, one in found.items()}
    start = {name: one["photo"] - each[name] for name, one in found.items()}
    for name in found:
        cells = []
        for part, unit, digits in ((start, 1, 2), (each, 1000, 0)):
            for clock in (0, 1):
                share = part[name][clock] / part[REMBG][clock]
                cells += [f"{unit * part[name][clock]:.{digits}f}", f"{share:.2f}"]
        print(f"| {name} | {' | '.join(cells)} | {ious[name]:.4f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--rembg-python", type=Path, required=True)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    everything = sorted(path for path in given.photos.iterdir() if path.suffix.lower() in {".jpg", ".jpeg"})
    files = everything[:: max(1, len(everything) // given.images)][: given.images]
    os.sched_setaffinity(0, {given.core})  # and with it every process started from here
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(scratch / "pycache")
        many = copied(files, scratch / "many")
        few = copied(files[:FEW], scratch / "few")
        bench = Bench(scratch, many, given.weights.resolve(), given.rembg_python.absolute())
        export(bench)
        commands = {REMBG: theirs(bench), **{name: ours(bench, one) for name, one in RUNTIMES.items()}}
        inputs = {"photo": few / files[0].name, "folder": few, "many": many}
        found = measure(commands, scratch, inputs, given.rounds)
        masks = {
            name: {
                path.stem: grey(path.read_bytes())
                for path in (scratch / "out" / name.replace(" ", "-") / "many").glob("*.png")
            }
            for name in commands
        }
        ious = {name: mean_iou(maps, masks[REMBG]) for name, maps in masks.items()}
    if given.json:
        print(json.dumps({name: {k: v.tolist() for k, v in one.items()} for name, one in found.items()}))
    else:
        show(found, len(files), ious)


if __name__ == "__main__":
    main()
