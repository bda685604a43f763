"""Images per second of a run to an object store on loopback (moto) against a run into a folder.

    python benchmarks/object_store.py PHOTOS [ROUNDS]

PHOTOS is a folder. The two take turns; the server runs in a process of its own, on the same cores.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
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
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
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

    boto3.client("s3", endpoint_url=url).create_bucket(Bucket="photos")
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(rounds):
            local = seconds_of(photos, f"{scratch}/{number}")
            store = seconds_of(photos, f"s3://photos/{number}")
            ratios.append(local / store)
            print(f"folder {local:.2f} s, store {store:.2f} s, {ratios[-1]:.1%}", flush=True)
    print(f"median of {rounds}: {statistics.median(ratios):.1%} of the folder's rate")


def seconds_of(photos: Path, output: str) -> float:
    """Wall time of the whole command."""
    command = [sys.executable, "-m", "maskgen", "run", "--dataset", "folder", "--input", str(photos)]
    began = time.monotonic()
    subprocess.run(
        [*command, "--output", output, "--shard-size", "100", "--max-failures", "100%"],
        check=True,
        capture_output=True,
    )
    return time.monotonic() - began


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
