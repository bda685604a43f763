"""An object store in memory that speaks the XML of Amazon's and Google's, with preconditions, and misbehaves.

The fakes of Google's store that can be installed take a conditional upload for an unconditional one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, unescape

import pytest
from object_stores import set_credentials

STALL_S = 5.0
WRITTEN = "2015-10-21"


class FaultyStore:
    """What the store holds, and what befalls its next requests.

    Attributes:
        objects: by key, without the bucket.
        faults: (method, end of the key, what befalls it), each for one request: a status; ``lost`` (done, and
            the answer is 500), ``shorten`` (a byte less is kept), ``cut`` (half of the answer's body),
            ``stall`` (silence).
        written: when an object was, ``2030-10-21``, by key; by default 2015-10-21.
        left: requests that are answered before all are refused; None for no end.
        asked: requests by method.
        log: method and key of every request.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: list[tuple[str, str, str]] = []
        self.asked: Counter[str] = Counter()
        self.log: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.left: int | None = None
        self.page = 1000
        self.written: dict[str, str] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": self}))
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def upload(self, folder: Path, prefix: str) -> None:
        """Copy a folder and all below it."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.objects[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def fault_of(self, method: str, key: str) -> str:
        with self.lock:
            self.asked[method] += 1
            self.log.append((method, key))
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    return "503"
            for number, (wanted, end, fault) in enumerate(self.faults):
                if wanted == method and key.endswith(end):
                    del self.faults[number]
                    return fault
        return ""


class _Handler(BaseHTTPRequestHandler):
    store: FaultyStore
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet: else each answer waits 40 ms for the other side

    def do_GET(self) -> None:
        key, query = self._target()
        fault = self.store.fault_of("GET", key)
        if fault.isdigit():
            self._answer(int(fault))
        elif "list-type" in query:
            self._answer(200, self._listing(query))
        else:
            self._send_object(key, fault)

    def do_HEAD(self) -> None:
        key, _ = self._target()
        fault = self.store.fault_of("HEAD", key)
        data = self.store.objects.get(key)
        if fault.isdigit() or data is None:
            self._answer(int(fault or 404))
            return
        self.send_response(200)
        self._facts(data)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()

    def do_PUT(self) -> None:
        key, _ = self._target()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.store.fault_of("PUT", key)
        if fault.isdigit():
            self._answer(int(fault))
            return
        if fault == "stall":
            self.store.over.wait(STALL_S)
            return
        if source := self.headers.get("x-amz-copy-source") or self.headers.get("x-goog-copy-source"):
            body = self.store.objects[urllib.parse.unquote(source).lstrip("/").partition("/")[2]]
        with self.store.lock:
            known = self.store.objects.get(key)
            if (known is not None and self._wants_none()) or not self._fits(known):
                self._answer(412)
                return
            self.store.objects[key] = body = body[:-1] if fault == "shorten" else body
        if fault == "lost":
            self._answer(500)
            return
        self.send_response(200)
        self._facts(body)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        """Amazon's removal of several objects in one request."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", body)]
        fault = self.store.fault_of("DELETE", keys[0])
        for key in () if fault else keys:
            self.store.objects.pop(key, None)
        gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self._answer(int(fault or 200), f"<DeleteResult>{gone}</DeleteResult>".encode())

    def do_DELETE(self) -> None:
        key, _ = self._target()
        fault = self.store.fault_of("DELETE", key)
        if not fault:
            self.store.objects.pop(key, None)
        self._answer(int(fault or 204))

    def _wants_none(self) -> bool:
        headers = self.headers
        return headers.get("If-None-Match") == "*" or headers.get("x-goog-if-generation-match") == "0"

    def _fits(self, known: bytes | None) -> bool:
        wanted = self.headers.get("If-Match")
        return wanted is None or (known is not None and wanted == _tag(known))

    def _target(self) -> tuple[str, dict[str, list[str]]]:
        url = urllib.parse.urlsplit(self.path)
        key = urllib.parse.unquote(url.path).lstrip("/").partition("/")[2]
        return key, urllib.parse.parse_qs(url.query)

    def _facts(self, data: bytes) -> None:
        self.send_header("ETag", _tag(data))
        self.send_header("x-goog-generation", str(int(_tag(data)[1:9], 16)))
        day = dt.date.fromisoformat(self.store.written.get(self._target()[0], WRITTEN))
        self.send_header("Last-Modified", day.strftime("%a, %d %b %Y 07:28:00 GMT"))

    def _send_object(self, key: str, fault: str) -> None:
        data = self.store.objects.get(key)
        if data is None:
            self._answer(404)
            return
        if not self._fits(data):
            self._answer(412)
            return
        first, last = 0, len(data) - 1
        asked = self.headers.get("Range")
        if asked:
            first, last = (int(n) for n in asked.removeprefix("bytes=").split("-"))
            if first >= len(data):
                self._answer(416)
                return
        part = data[first : last + 1]
        self.send_response(206 if asked else 200)
        self._facts(data)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if fault in ("cut", "stall"):
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self.store.over.wait(STALL_S if fault == "stall" else 0)
            self.close_connection = True
            self.connection.close()
        else:
            self.wfile.write(part)

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        folders: set[str] = set()
        rows: list[str] = []
        token = ""
        for key in sorted(self.store.objects, key=str.encode):
            if not key.startswith(prefix) or key <= after:
                continue
            inner = key[len(prefix) :]
            if delimiter and delimiter in inner:
                folders.add(prefix + inner.partition(delimiter)[0] + delimiter)
                continue
            if len(rows) == self.store.page:
                break
            data, token = self.store.objects[key], key
            written = self.store.written.get(key, WRITTEN)
            rows.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size>"
                f"<LastModified>{written}T07:28:00.000Z</LastModified><ETag>{_tag(data)}</ETag></Contents>"
            )
        else:
            token = ""
        more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders
        )
        is_cut = str(bool(token)).lower()
        return (
            f"<ListBucketResult><IsTruncated>{is_cut}</IsTruncated>{more}{''.join(rows)}{common}"
            "</ListBucketResult>"
        ).encode()

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def use(store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``s3://`` and ``gs://`` mean this store, and give up soon."""
    set_credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    key = {
        "gcs_base_url": store.url,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(key))
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "2")
    monkeypatch.setenv("MASKGEN_STORE_TIMEOUT_S", "1")


@pytest.fixture
def faulty_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyStore]:
    """An empty store."""
    pytest.importorskip("obstore", reason="object stores need obstore: pip install maskgen[cloud]")
    store = FaultyStore()
    use(store, monkeypatch)
    yield store
    store.close()
