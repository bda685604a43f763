"""All that is to be known of one GPU, in one command and one table.

    python benchmarks/gpu.py [--out gpu.md] [--photos FOLDER] [--weights u2netp=FILE] [--parts loader,rival]
    python benchmarks/gpu.py --device cpu --tiny      # the rehearsal, on any machine

Each part is a process of its own with a time limit. A part that fails, ends early or runs out of time becomes
rows that say so, with its error, and the others go on; the table is written anew after each of them. What a
part does not use of its time the later ones may have, and all of them end within `--minutes`. What is not
installed (DALI, most often) is said in the rows that need it.

prepare        photos in tars, and shards of them with backgrounds, made without a network
loader         the cases of loader.py through DALI: decoding alone, plain, rm, random, swaps, exact, weak,
               relic and multi
torch-loader   plain, rm, random, swaps through the loader without DALI, whose views are made on the CPU
rival          torchvision's JPEG decoder of whole batches and its transforms v2, both on the GPU
training       a MoCo v2 step with ResNet-50 alone, and behind each loader: the loader's share of the time
networks       one part a network: float32, TF32, float16, compiled, and the IoU of their masks with float32's
stage1         `maskgen run` from the tars to shards, against the network alone
tests          the tests that need a GPU

gpu_parts.py and the files beside it have the parts. `--photos` is a folder of JPEGs; without it the photos
that come with maskgen are enlarged to ImageNet's usual 500 x 375 and used over and over.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gpu_table import Outcome, Part, hardware, read_rows, table

from maskgen.errors import MaskgenError
from maskgen.io.atomic import write_atomic

MINUTES = 9.0
NETWORKS = ("fast", "deepusps", "u2netp", "u2net")
CASES = ("decode", "plain", "rm", "random", "swaps", "exact", "weak", "relic", "multi")
TORCH_CASES = ("plain", "rm", "random", "swaps")
STEPS = ("step plain", "dali plain", "torch plain", "step swaps", "dali swaps")
"""Of the training: on one batch over and over, and behind each loader."""
VARIANTS = {
    "cuda": ("fp32", "tf32", "fp16", "fp16 compiled"),
    "cpu": ("fp32", "bf16", "fp32 compiled"),
}
"""Precisions of the networks by device, float32 first: the others' masks are compared with its."""


def parts(device: str) -> list[Part]:
    """The parts in the order in which they run: what matters most first. Their limits add up to 530 s."""
    return [
        Part("prepare", ("tars", "shards"), 40),
        Part("loader", CASES, 100),
        Part("torch-loader", TORCH_CASES, 40),
        Part("rival", ("decode", "views, each its own draws", "views, one draw a batch"), 40),
        Part("training", STEPS, 70),
        *(Part(f"networks-{name}", VARIANTS[device], 40) for name in NETWORKS),
        Part("stage1", ("fast network alone", "fast end to end", "fast whole command"), 50),
        Part("tests", ("passed", "failed", "skipped"), 30),
    ]


def run_part(part: Part, arguments: list[str], limit_s: float) -> Outcome:
    """A part in a process of its own, which is ended with its children when its time is over."""
    with tempfile.TemporaryDirectory() as scratch:
        rows, log = Path(scratch) / "rows", Path(scratch) / "log"
        command = [sys.executable, __file__, *arguments, "--part", part.name, "--rows", str(rows)]
        started, problem = time.perf_counter(), ""
        with log.open("wb") as output:
            child = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
            try:
                child.wait(limit_s)
            except subprocess.TimeoutExpired:
                problem = f"out of time after {limit_s:.0f} s"
            finally:
                _end_group(child)
        if not problem and child.returncode:
            problem = f"failed (exit {child.returncode}): {_last_line(log)}"
        found = read_rows(rows)
        return Outcome(part, found, time.perf_counter() - started, problem)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Also what the part has started, which is in the session of its own that it was given."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, 9)
    child.wait()


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def measure(given: argparse.Namespace, arguments: list[str]) -> list[Outcome]:
    """Every part that is wanted, within the time; the table is written after each."""
    heading = [*hardware(given.device), f"`python benchmarks/gpu.py {' '.join(sys.argv[1:])}`"]
    end, spare, outcomes = time.monotonic() + 60 * given.minutes, 0.0, []
    slower = max(1.0, given.minutes / MINUTES)
    for part in parts(given.device):
        if given.parts and part.name not in given.parts.split(","):
            continue
        limit = min(slower * part.limit_s + spare, end - time.monotonic())
        outcome = (
            run_part(part, arguments, limit) if limit > 0 else Outcome(part, [], 0.0, "no time was left")
        )
        spare = max(0.0, spare + slower * part.limit_s - outcome.seconds)
        outcomes.append(outcome)
        write_atomic(given.out, table(heading, outcomes).encode())
        print(f"{part.name}: {outcome.seconds:.0f} s {outcome.problem}", flush=True)
    return outcomes


def options(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu.md"))
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs")
    parser.add_argument("--weights", action="append", default=[], help="u2netp=FILE; else they are random")
    parser.add_argument("--device", choices=tuple(VARIANTS), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a few photos, small batches, no waiting")
    parser.add_argument("--parts", default="", help="only these, with commas; prepare is needed by most")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="when all ends; more is more for each part"
    )
    parser.add_argument("--work", type=Path, help="where tars and shards are kept; else they are removed")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main() -> None:
    given = options()
    if given.part:
        from gpu_parts import run

        try:
            run(given.part, given)
        except MaskgenError as error:
            sys.exit(" ".join(str(error).split()))  # in one line, for the table
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        outcomes = measure(given, [*sys.argv[1:], "--work", str(work)])
    print(f"{given.out}: {sum(len(outcome.all_rows()) for outcome in outcomes)} rows")


if __name__ == "__main__":
    main()
