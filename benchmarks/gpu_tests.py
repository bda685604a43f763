"""The part of gpu.py that runs the tests which need a GPU."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

from gpu_parts import Part

ROOT = Path(__file__).resolve().parents[1]


def tests(part: Part) -> None:
    """The tests that are marked for a GPU."""
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if _for_gpu(path)]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "gpu",
        "-n",
        "0",
        "-q",
        "--tb=line",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run([*command, *files], cwd=ROOT, check=False, capture_output=True, text=True)
    summary = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-300:]
    counts = {
        word.rstrip("s"): number for number, word in itertools.pairwise(summary.replace(",", "").split())
    }
    failed = [
        line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
    ]
    for word in ("passed", "failed", "skipped"):
        count = counts.get(word, "0")
        note = "; ".join(failed)[:600] if word == "failed" else summary if word == "passed" else ""
        part.row(word, float(count) if count.isdigit() else 0.0, "tests", note)


def _for_gpu(path: Path) -> bool:
    return "mark.gpu" in path.read_text() and path != ROOT / "tests" / "benchmarks" / "test_gpu.py"
