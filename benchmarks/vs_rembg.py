"""U²-Net-p masks by maskgen and by rembg: same weights, same photos, same core, in turns.

Then what each makes of damage.

    python benchmarks/vs_rembg.py PHOTOS TRUTH --weights u2netp.pth --rembg-python VENV/bin/python [--images
    48]

rembg runs in an environment of its own with ``rembg[cpu,cli]``; it gets our ONNX export of the weights as its
custom session. PHOTOS are JPEGs, TRUTH holds a mask of the same stem for each. Everything runs on one core,
which is given to rembg and to maskgen by turns. Rates are photos per second of that core: by the clock, and
by CPU time, which other work on the machine moves less. rembg decodes, makes the mask and encodes it as PNG
(`remove(bytes, only_mask=True)`, session reused); maskgen also makes the background and encodes photo, mask
and background as a sample.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SETTINGS = {
    "maskgen, ONNX Runtime, fp32": ("onnxruntime", "fp32"),
    "maskgen, OpenVINO, fp32": ("openvino", "fp32"),
    "maskgen, OpenVINO, mixed": ("openvino", "mixed"),
}
REMBG = "rembg"
INTEGRITY_PHOTOS = 12
FEW = 4

REMBG_LOOP = """
import json, sys, time
from pathlib import Path
from rembg import new_session, remove
session = new_session("u2net_custom", model_path=sys.argv[1])
for line in sys.stdin:
    files = [Path(name).read_bytes() for name in json.loads(line)]
    started = time.perf_counter(), time.process_time()
    for data in files:
        remove(data, session=session, only_mask=True)
    print(json.dumps([time.perf_counter() - started[0], time.process_time() - started[1]]), flush=True)
"""


def our_loop(values: dict[str, Any]) -> None:
    """The same loop with the stages that a worker of `maskgen run` calls."""
    from maskgen.config.run_config import make_config
    from maskgen.pipelines.resolve import resolve
    from maskgen.pipelines.shard.stages import Stages
    from maskgen.processes.watch import IDLE, Watch
    from maskgen.shards.plan import PlannedImage
    from maskgen.shards.sample import SampleId
    from maskgen.types import ByteRef

    stages = Stages(resolve(make_config(values)), ("jpg", "mask.png", "bg.jpg", "json", "sat", "fg", "meta"))
    watch = Watch(list(IDLE))
    for line in sys.stdin:
        images = [
            PlannedImage(
                SampleId(Path(name).stem, None, name), ByteRef(Path(name).name, 0, Path(name).stat().st_size)
            )
            for name in json.loads(line)
        ]
        started = time.perf_counter(), time.process_time()
        for image in images:
            stages.finish(stages.mask(stages.decode(image)), watch)
        print(json.dumps([time.perf_counter() - started[0], time.process_time() - started[1]]), flush=True)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything lies.

    Args:
        scratch: a folder for all that is written.
        photos: the photos, in a folder of their own.
        weights: U²-Net-p's checkpoint.
        python: of rembg's environment.
    """

    scratch: Path
    photos: Path
    weights: Path
    python: Path

    @property
    def model(self) -> Path:
        """Our export; rembg reads models from below its own folder only."""
        return self.scratch / "rembg" / "models" / "u2net_custom" / "u2netp.onnx"

    @property
    def environment(self) -> dict[str, str]:
        """One thread for everybody, and rembg's folder."""
        return {**os.environ, "OMP_NUM_THREADS": "1", "U2NET_HOME": str(self.scratch / "rembg")}

    def values(self, runtime: str, precision: str, photos: Path, output: Path) -> dict[str, Any]:
        """Options of `maskgen run`."""
        return {
            "dataset": "folder",
            "input": str(photos),
            "output": str(output),
            "method": "u2netp",
            "weights": str(self.weights),
            "runtime": runtime,
            "precision": precision,
            "background": "tiled",
            "labels": "none",
            "workers": 1,
            "shard_size": 16,
        }

    def run_command(self, runtime: str, precision: str, photos: Path, output: Path) -> list[str]:
        """`maskgen run`."""
        words = [sys.executable, "-m", "maskgen.cli", "run"]
        for name, value in self.values(runtime, precision, photos, output).items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        return words

    def rembg_command(self, photos: Path, output: Path) -> list[str]:
        """`rembg p`, masks only."""
        words = [str(self.python.parent / "rembg"), "p", "-om", "-m", "u2net_custom"]
        return [*words, "-x", json.dumps({"model_path": str(self.model)}), str(photos), str(output)]

    def call(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command and take what it says."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)


def export(bench: Bench) -> None:
    from maskgen.methods.networks.u2net.onnx_export import u2net_to_onnx
    from maskgen.methods.networks.u2net.weights import load_network

    bench.model.parent.mkdir(parents=True)
    bench.model.write_bytes(u2net_to_onnx(load_network("u2netp", bench.weights), 320, "u2netp"))


# --- rates


@contextlib.contextmanager
def loops(bench: Bench) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """One waiting process per contender."""
    commands = {REMBG: [str(bench.python), "-c", REMBG_LOOP, str(bench.model)]}
    for name, setting in SETTINGS.items():
        values = bench.values(*setting, bench.photos, bench.scratch / "unused")
        commands[name] = [sys.executable, __file__, "--loop", json.dumps(values)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = {
        name: subprocess.Popen(words, env=bench.environment, **pipes) for name, words in commands.items()
    }
    try:
        yield running
    finally:
        for process in running.values():
            process.communicate()


def ask(process: subprocess.Popen[str], files: list[Path]) -> NDArray[np.float64]:
    """(wall, CPU) seconds of one pass over `files`."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([str(path) for path in files]) + "\n")
    process.stdin.flush()
    return np.array(json.loads(process.stdout.readline()))


def loop_rates(bench: Bench, files: list[Path], rounds: int) -> dict[str, list[float]]:
    """Photos per second, by the clock and by CPU time: medians over turns of a few photos each.

    Turns are short, so that what else the machine does falls on all contenders alike.
    """
    took: dict[str, list[NDArray[np.float64]]] = {}
    with loops(bench) as running:
        for process in running.values():
            ask(process, files[:2])  # models are loaded and caches warm
        for start in list(range(0, len(files) - FEW + 1, FEW)) * rounds:
            for name, process in running.items():
                took.setdefault(name, []).append(ask(process, files[start : start + FEW]))
    return {name: list(FEW / np.median(times, axis=0)) for name, times in took.items()}


def command_rates(bench: Bench, files: list[Path]) -> dict[str, list[float]]:
    """Start-up seconds, then photos per second by the clock and by CPU time, of whole command lines.

    Each command is run on a few photos and on all: the difference is what more photos cost, the rest is
    start-up.
    """
    few = copied(files[:FEW], bench.scratch / "few")
    commands: dict[str, Callable[[Path, Path], list[str]]] = {REMBG: bench.rembg_command}
    for name, setting in SETTINGS.items():
        commands[name] = lambda photos, output, setting=setting: bench.run_command(*setting, photos, output)
    rates = {}
    for name, command in commands.items():
        place = bench.scratch / "commands" / name.replace(" ", "-")
        short, whole = (
            timed(bench, command(*pair)) for pair in ((few, place / "few"), (bench.photos, place / "all"))
        )
        more = len(files) - FEW
        rates[name] = [short[0] - FEW * (whole[0] - short[0]) / more, *(more / (whole - short))]
    return rates


def timed(bench: Bench, command: list[str]) -> NDArray[np.float64]:
    """(wall, CPU) seconds of a command and all its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = bench.call(command)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command[:4]} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return np.array([wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime])


# --- masks


def ious(bench: Bench, files: list[Path], truth: Path) -> dict[str, dict[str, float]]:
    """Mean IoU with the truth and with rembg's masks, at one half."""
    wanted = {path.stem: grey((truth / f"{path.stem}.png").read_bytes()) for path in files}
    place = bench.scratch / "commands"
    found = {REMBG: {path.stem: grey(path.read_bytes()) for path in (place / REMBG / "all").glob("*.png")}}
    for name in SETTINGS:
        found[name] = shard_masks(place / name.replace(" ", "-") / "all")
    return {
        name: {
            "images": len(masks),
            "truth": mean_iou(masks, wanted),
            "rembg": mean_iou(masks, found[REMBG]),
        }
        for name, masks in found.items()
    }


def grey(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def shard_masks(folder: Path) -> dict[str, NDArray[np.uint8]]:
    masks = {}
    for shard in sorted(folder.rglob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                if member.name.endswith(".mask.png"):
                    masks[member.name.partition(".")[0]] = grey(tar.extractfile(member).read())  # type: ignore[union-attr]
    return masks


def mean_iou(masks: dict[str, NDArray[np.uint8]], others: dict[str, NDArray[np.uint8]]) -> float:
    values = []
    for name, mask in masks.items():
        a, b = mask >= 128, others[name] >= 128
        values.append((a & b).sum() / max(1, (a | b).sum()))
    return float(np.mean(values))


# --- integrity


def integrity(bench: Bench, files: list[Path]) -> list[tuple[str, str, str]]:
    """What happened, rembg, maskgen: each found out by doing it."""
    photos = copied(files[:INTEGRITY_PHOTOS], bench.scratch / "integrity" / "photos")
    return [*_broken_photo(bench, photos), *_cut_output(bench, photos), *_same_name(bench, photos)]


def _both(bench: Bench, photos: Path, name: str) -> tuple[Any, Any, Path, Path]:
    """Run both on `photos`: their results and output folders."""
    theirs, ours = (bench.scratch / "integrity" / f"{name}-{tool}" for tool in ("rembg", "maskgen"))
    theirs.mkdir(parents=True, exist_ok=True)
    first = bench.call(bench.rembg_command(photos, theirs))
    return first, bench.call(bench.run_command("openvino", "fp32", photos, ours)), theirs, ours


def _samples(folder: Path) -> int:
    manifest = folder / "manifest.json"
    return int(json.loads(manifest.read_text())["totals"]["samples"]) if manifest.exists() else 0


def _broken_photo(bench: Bench, photos: Path) -> list[tuple[str, str, str]]:
    folder = copied(sorted(photos.iterdir()), photos.parent / "with-a-broken-one")
    victim = sorted(folder.iterdir())[5]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    first, second, theirs, ours = _both(bench, folder, "broken")
    count = len(list(theirs.glob("*.png")))
    status = bench.call([sys.executable, "-m", "maskgen.cli", "status", str(ours)])
    named = "names it" if victim.name in status.stdout + second.stdout + second.stderr else "does not name it"
    told = "names it" if victim.name in first.stdout + first.stderr else "does not name it"
    what = f"one of {len(list(folder.iterdir()))} photos is cut in half: exit status"
    return [
        (what, str(first.returncode), str(second.returncode)),
        ("... masks made", str(count), str(_samples(ours))),
        ("... the message", told, f"`maskgen status` {named}"),
    ]


def _cut_output(bench: Bench, photos: Path) -> list[tuple[str, str, str]]:
    _, _, theirs, ours = _both(bench, photos, "cut")
    mask, shard = sorted(theirs.glob("*.png"))[3], min(ours.rglob("*.tar"))
    whole = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in (mask, shard)}
    for path in whole:
        os.truncate(path, 300)
    verify = bench.call([sys.executable, "-m", "maskgen.cli", "verify", str(ours)])
    bench.call([sys.executable, "-m", "maskgen.cli", "verify", "--repair", str(ours)])
    first, second, _, _ = _both(bench, photos, "cut")
    after = {path: hashlib.sha256(path.read_bytes()).hexdigest() == whole[path] for path in whole}
    words = {True: "whole, the same bytes as before", False: "still cut, not noticed"}
    return [
        ("an output is cut to 300 bytes: a check finds it", "there is none", f"exit {verify.returncode}"),
        (
            "... the same command again (after the repair): exit status",
            str(first.returncode),
            str(second.returncode),
        ),
        ("... the output then", words[after[mask]], words[after[shard]]),
    ]


def _same_name(bench: Bench, photos: Path) -> list[tuple[str, str, str]]:
    folder = photos.parent / "two-folders"
    first_photo, second_photo = sorted(photos.iterdir())[:2]
    for name, path in (("a", first_photo), ("b", second_photo)):
        (folder / name).mkdir(parents=True)
        shutil.copy(path, folder / name / "photo.jpg")
    first, second, theirs, ours = _both(bench, folder, "names")
    return [
        ("two photos of one name in two folders: exit status", str(first.returncode), str(second.returncode)),
        ("... masks made", str(len(list(theirs.rglob("*.png")))), str(_samples(ours))),
    ]


# --- the report


def copied(files: list[Path], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path in files:
        shutil.copy(path, folder / path.name)
    return folder


def show(facts: dict[str, Any]) -> None:
    print(f"{facts['images']} photos, one core, {facts['rounds']} rounds in turns of {FEW}\n")
    base = facts["loop"][REMBG]
    print("| in one process | photos/s | of rembg | photos/CPU s | of rembg |\n|---|---|---|---|---|")
    for name, (wall, cpu) in facts["loop"].items():
        print(f"| {name} | {wall:.2f} | {wall / base[0]:.2f} | {cpu:.2f} | {cpu / base[1]:.2f} |")
    if "commands" not in facts:
        return
    base = facts["commands"][REMBG]
    print(
        "\n| command line | start-up s | photos/s | of rembg | photos/CPU s | of rembg "
        "|\n|---|---|---|---|---|---|"
    )
    for name, (start, wall, cpu) in facts["commands"].items():
        print(
            f"| {name} | {start:.1f} | {wall:.2f} | {wall / base[1]:.2f} | {cpu:.2f} | {cpu / base[2]:.2f} |"
        )
    print("\n| masks | IoU with the truth | IoU with rembg's |\n|---|---|---|")
    for name, values in facts["masks"].items():
        print(f"| {name} | {values['truth']:.4f} | {values['rembg']:.4f} |")
    print("\n| damage | rembg | maskgen |\n|---|---|---|")
    for row in facts["integrity"]:
        print(f"| {' | '.join(row)} |")


def main() -> None:
    if sys.argv[1:2] == ["--loop"]:
        our_loop(json.loads(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--rembg-python", type=Path, required=True)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--loop-only", action="store_true", help="the first table alone")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    everything = sorted(
        path for path in given.photos.iterdir() if (given.truth / f"{path.stem}.png").exists()
    )
    files = everything[:: max(1, len(everything) // given.images)][: given.images]
    os.sched_setaffinity(0, {given.core})  # and with it every process started from here
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        bench = Bench(
            scratch, copied(files, scratch / "photos"), given.weights.resolve(), given.rembg_python.absolute()
        )
        export(bench)
        files = sorted(bench.photos.iterdir())
        facts: dict[str, Any] = {"images": len(files), "rounds": given.rounds}
        facts["loop"] = loop_rates(bench, files, given.rounds)
        if not given.loop_only:
            facts["commands"] = command_rates(bench, files)
            facts["masks"] = ious(bench, files, given.truth)
            facts["integrity"] = integrity(bench, files)
    print(json.dumps(facts)) if given.json else show(facts)


if __name__ == "__main__":
    main()
