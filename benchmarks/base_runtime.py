"""Which runtime the base installation brings, and what the default method costs a newcomer.

    python benchmarks/base_runtime.py [--photos 12] [--rounds 5]

Prints the installed size of ONNX Runtime and of OpenVINO with what only they need; for `fast` in each of
the two, in processes of one thread that take turns, the seconds from the start of Python to the first mask
and the CPU milliseconds of a mask; and the seconds of ``maskgen run --dataset sample`` by `fast` in both and
by `vote`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

RUNTIMES = {
    "onnxruntime": ("onnxruntime", "flatbuffers", "protobuf", "packaging"),
    "openvino": ("openvino", "openvino-telemetry"),
}
"""With the distributions that nothing else in the base needs."""

ONE = """
import json, sys, time
import numpy as np
from maskgen import make_mask
photo = np.random.default_rng(0).integers(0, 256, (375, 500, 3), np.uint8)
make_mask("fast", photo, runtime=sys.argv[1])
first = time.time()
started = time.process_time()
for _ in range(int(sys.argv[2])):
    make_mask("fast", photo, runtime=sys.argv[1])
print(json.dumps([first, (time.process_time() - started) / int(sys.argv[2])]))
"""


def installed_bytes(names: tuple[str, ...]) -> int:
    """Of some distributions, by their lists of files."""
    files = [one.locate() for name in names for one in metadata.files(name) or ()]
    return sum(Path(str(one)).stat().st_size for one in files if Path(str(one)).is_file())


def time_mask(runtime: str, photos: int) -> tuple[float, float]:
    """Seconds to the first mask, and CPU milliseconds of a mask."""
    started = time.time()
    command = [sys.executable, "-c", ONE, runtime, str(photos)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, each = json.loads(done.stdout)
    return first - started, each * 1e3


def time_run(*options: str) -> tuple[float, float]:
    """Wall and CPU seconds of a run over the photos of scikit-image."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "maskgen", "run", "--dataset", "sample", "--output", f"{folder}/s"]
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *options], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.perf_counter() - started, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=12, help="masks that each process makes")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each runtime, and runs")
    given = parser.parse_args()
    for runtime, names in RUNTIMES.items():
        print(f"{runtime:12} {installed_bytes(names) / 1e6:6.0f} MB installed with {', '.join(names[1:])}")
    found = {runtime: [] for runtime in RUNTIMES}
    for _ in range(given.rounds):
        for runtime, times in found.items():
            times.append(time_mask(runtime, given.photos))
    for runtime, times in found.items():
        first, each = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{runtime:12} {first:6.2f} s to the first mask, {each:6.1f} CPU ms a mask")
    runs = [["--method", "fast", "--runtime", runtime] for runtime in RUNTIMES] + [["--method", "vote"]]
    seconds = [[time_run(*options) for options in runs] for _ in range(max(1, given.rounds // 2))]
    for options, times in zip(runs, zip(*seconds, strict=True), strict=True):
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"maskgen run {' '.join(options):40} {wall:6.1f} s, {cpu:6.1f} CPU s")


if __name__ == "__main__":
    main()
