"""What a kill costs: the photos finished in the running shards, and how many of them the resume makes again.

Counts do not depend on the machine's load; the seconds are the resume's own, per photo.

    python benchmarks/interrupted.py --input photos/ --work scratch/ [--method vote] [--after 30]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

WORKERS = 2


def start(given: argparse.Namespace, output: Path) -> subprocess.Popen[str]:
    """`maskgen run` with a shard for each worker, in a process group of its own."""
    command = [
        sys.executable,
        "-m",
        "maskgen",
        "run",
        "--dataset",
        "folder",
        "--input",
        given.input,
        "--json",
    ]
    command += ["--output", str(output), "--method", given.method, "--limit", str(given.photos)]
    command += ["--shard-size", str(given.photos // WORKERS), "--workers", str(WORKERS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def finished(output: Path) -> int:
    """Samples in the partial tars."""
    return sum(path.read_bytes().count(b".meta\0") for path in output.glob(".*.tar.*.partial"))


def main() -> None:
    """Kill a run after some seconds of work, resume it, and print what that cost."""
    words = argparse.ArgumentParser()
    words.add_argument("--input", required=True)
    words.add_argument("--work", type=Path, required=True)
    words.add_argument("--method", default="vote")
    words.add_argument("--photos", type=int, default=240)
    words.add_argument("--after", type=float, default=30.0, help="seconds of work before the kill")
    given = words.parse_args()
    output = given.work / "shards"
    process = start(given, output)
    while not finished(output):
        time.sleep(0.1)
    time.sleep(given.after)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = finished(output)
    resumed = json.loads(start(given, output).communicate()[0])
    made = resumed["planned"] - resumed["resumed"]
    seconds = sum(resumed["seconds_by_stage"].values()) / made
    again = done - resumed["resumed"]
    facts = {
        "finished_at_the_kill": done,
        "kept": resumed["resumed"],
        "finished_and_made_again": again,
        "seconds_per_photo": round(seconds, 3),
        "seconds_lost_per_worker": round((again / WORKERS + 1) * seconds, 1),  # one photo was in work
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
