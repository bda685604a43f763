"""What it gains to list a prefix of an object store in ranges of its keys, side by side.

The store answers listings alone, each after a delay as that of a network and a busy store; it finds a page by
bisection, so that its own work is small (moto goes through all keys for each page). Rounds alternate between
one walk and ranges.

    python benchmarks/store_listing.py [--objects 50000] [--delays 30 100] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from bisect import bisect_right
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from maskgen.io.storage.listing import list_widely, walk_objects
from maskgen.io.storage.location import ObjectLocation
from maskgen.io.storage.ranges import key_ranges
from maskgen.io.storage.reading import AT_A_TIME

_FACTS = "<Size>1</Size><LastModified>2015-10-21T07:28:00.000Z</LastModified><ETag>&quot;1&quot;</ETag>"


class Store(BaseHTTPRequestHandler):
    """Lists its keys, a page after `delay_s`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    keys: tuple[str, ...] = ()
    delay_s = 0.0
    asked = 0

    def do_GET(self) -> None:
        """Answer a listing."""
        type(self).asked += 1
        time.sleep(self.delay_s)
        query = parse_qs(urlsplit(self.path).query)
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        start = bisect_right(self.keys, after)
        page = self.keys[start : start + 1000]
        more = start + 1000 < len(self.keys)
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        rows = "".join(f"<Contents><Key>{key}</Key>{_FACTS}</Contents>" for key in page)
        head = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}"
        body = f"<ListBucketResult>{head}{rows}</ListBucketResult>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


def seconds(work: Callable[[], list[Any]], objects: int) -> tuple[float, int]:
    """Of one listing, and how many requests it took."""
    before, began = Store.asked, time.perf_counter()
    assert len(work()) == objects
    return time.perf_counter() - began, Store.asked - before


def main() -> None:
    """Print the medians for each delay."""
    words = argparse.ArgumentParser()
    words.add_argument("--objects", type=int, default=50_000)
    words.add_argument("--delays", type=int, nargs="+", default=[30, 100])
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ.update(AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    Store.keys = tuple(f"photos/{number:07d}.jpg" for number in range(given.objects))
    for delay in given.delays:
        Store.delay_s = delay / 1000
        what = compare(ObjectLocation("s3://bucket", "photos"), given.objects, given.rounds)
        print(f"{delay} ms an answer: {what}")
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
