"""What it gains to list a prefix of an object store in ranges of its keys, side by side.

The store is moto in a process of its own; each answer is held back for some time by a proxy, as by a network
and a store that is busy elsewhere. Rounds alternate between one walk and ranges; an object is one byte.

    python benchmarks/store_listing.py [--objects 20000] [--delays 0 30 100] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from resume import moto

from maskgen.io.storage.listing import list_widely, walk_objects
from maskgen.io.storage.location import ObjectLocation
from maskgen.io.storage.ranges import key_ranges
from maskgen.io.storage.reading import AT_A_TIME


class Proxy(BaseHTTPRequestHandler):
    """Hands requests for listings on, and the answers back after `delay_s`."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    target = ""
    delay_s = 0.0
    asked = 0

    def do_GET(self) -> None:
        """Answer a listing."""
        began = time.monotonic()
        type(self).asked += 1
        far = HTTPConnection(self.target)
        far.request("GET", self.path, headers={"Authorization": self.headers.get("Authorization", "")})
        answer = far.getresponse()
        body = answer.read()
        far.close()
        time.sleep(max(0.0, self.delay_s - (time.monotonic() - began)))
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


def seconds(work: Callable[[], list[Any]], objects: int) -> tuple[float, int]:
    """Of one listing, and how many requests it took."""
    before, began = Proxy.asked, time.perf_counter()
    assert len(work()) == objects
    return time.perf_counter() - began, Proxy.asked - before


def main() -> None:
    """Print the medians for each delay."""
    words = argparse.ArgumentParser()
    words.add_argument("--objects", type=int, default=20_000)
    words.add_argument("--delays", type=int, nargs="+", default=[0, 30, 100])
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    with moto() as client:
        put = lambda n: client.put_object(Bucket="shards", Key=f"photos/{n:07d}.jpg", Body=b"1")  # noqa: E731
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, range(given.objects)))
        Proxy.target = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
        server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        Thread(target=server.serve_forever, daemon=True).start()
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.server_port}"
        root = ObjectLocation("s3://shards", "photos")
        for delay in given.delays:
            Proxy.delay_s = delay / 1000
            print(f"{delay} ms an answer: {compare(root, given.objects, given.rounds)}")
        server.shutdown()


def compare(root: ObjectLocation, objects: int, rounds: int) -> str:
    """Both ways in turns."""
    ways: dict[str, Callable[[], list[Any]]] = {
        "one walk": lambda: list(walk_objects(root)),
        "ranges": lambda: list_widely(root),
    }
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways)[:: 1 if turn % 2 else -1]:
            found[name].append(seconds(ways[name], objects))
    medians = {name: statistics.median(one for one, _ in all_) for name, all_ in found.items()}
    texts = [f"{name} {medians[name]:.2f} s in {found[name][0][1]} requests" for name in ways]
    ratio = medians["ranges"] / medians["one walk"]
    return f"{', '.join(texts)} ({len(key_ranges(root, AT_A_TIME))} ranges): x {ratio:.2f}"


if __name__ == "__main__":
    main()
