"""Time of runs from and to an object store on loopback (moto) against runs between folders.

    python benchmarks/object_store.py PHOTOS [ROUNDS]

PHOTOS is a folder. The two take turns; the server runs in a process of its own, on the same cores.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

SERVER = """
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
time.sleep(1e6)
"""


def main(photos: Path, rounds: int) -> None:
    command = [sys.executable, "-c", SERVER]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True) as server:
        assert server.stdout is not None
        try:
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            settings = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
            os.environ.update(settings, AWS_REGION="us-east-1")
            measure(photos, rounds, url)
        finally:
            server.kill()


def measure(photos: Path, rounds: int, url: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=url)
    client.create_bucket(Bucket="photos")
    files = [path for path in sorted(photos.rglob("*")) if path.is_file()]
    for path in files:
        client.upload_file(str(path), "photos", f"files/{path.relative_to(photos).as_posix()}")
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "train-0.tar")
        with tarfile.open(archive, "w") as tar:
            for path in files:
                tar.add(path, path.relative_to(photos).as_posix().replace("/", "_"))
        client.upload_file(str(archive), "photos", "tars/train-0.tar")
        between = ("folder", str(photos), f"{scratch}/out")
        ways = {
            "shards to the store": (between, ("folder", str(photos), "s3://photos/out")),
            "photos from the store": (between, ("folder", "s3://photos/files", f"{scratch}/out")),
            "a tar of photos from the store": (
                ("webdataset", str(archive), f"{scratch}/out"),
                ("webdataset", "s3://photos/tars/train-{0..0}.tar", f"{scratch}/out"),
            ),
            "both": (between, ("folder", "s3://photos/files", "s3://photos/out")),
        }
        ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(rounds):
            for name, (local, far) in ways.items():
                label = f"{number}-{name.replace(' ', '-')}"
                here, there = run(local, f"{label}-here"), run(far, f"{label}-there")
                ratios[name].append((here[0] / there[0], here[1] / there[1]))
                walls, cpus = (f"{here[column]:.2f} s here, {there[column]:.2f} s" for column in (0, 1))
                print(f"{name}: wall {walls}; CPU {cpus}", flush=True)
    for name, found in ratios.items():
        wall, cpu = (statistics.median(one[column] for one in found) for column in (0, 1))
        print(f"{name}, medians of {rounds}: {wall:.1%} of the rate here; {cpu:.1%} by the client's CPU time")


def run(way: tuple[str, str, str], label: str) -> tuple[float, float]:
    """Wall time of the whole command, and CPU time of it and its workers, s.

    Args:
        way: kind of source, input, folder or prefix above the output.
        label: of the output.
    """
    dataset, place, output = way
    command = [sys.executable, "-m", "maskgen", "run", "--dataset", dataset, "--input", place]
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, "--output", f"{output}/{label}", "--shard-size", "100", "--max-failures", "100%"],
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, used


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
