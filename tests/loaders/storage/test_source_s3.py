"""Shards in an object store: moto as Amazon's S3, and a small server of the same protocol that misbehaves."""

from __future__ import annotations

import os
import re
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_stores import set_credentials, upload

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.io.storage import patience, reading
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.samples import SampleReader

pytest.importorskip("obstore", reason="object stores need obstore: pip install maskgen[cloud]")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch)


def equal(remote: Dataset, local: Dataset, samples: Any = None) -> bool:
    samples = np.arange(local.samples) if samples is None else samples
    one, two = (SampleReader(d, ("jpg",)).take(samples, ("jpg",)) for d in (remote, local))
    same = all((a == b).all() for a, b in zip(one.encoded["jpg"], two.encoded["jpg"], strict=True))
    return same and bool((one.small.sat == two.small.sat).all())


@pytest.mark.slow
def test_moto_gives_what_the_folder_holds(
    drawn: Any, amazon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PART_BYTES", 10_000)  # many requests per tar
    upload(amazon, drawn.path, "deep/er/shards")
    remote = open_dataset("s3://photos/deep/er/shards", cache=tmp_path, check_hashes=True)
    assert equal(remote, open_dataset(drawn.path))
    assert remote.fingerprint == open_dataset(drawn.path).fingerprint


@pytest.mark.slow
def test_moto_through_a_small_cache(drawn: Any, amazon: Any, tmp_path: Path) -> None:
    upload(amazon, drawn.path, "shards")
    small = sum(p.stat().st_size for p in drawn.path.iterdir() if p.suffix in (".idx", ".parquet", ".json"))
    limit = small + 3 * max(p.stat().st_size for p in drawn.shards())
    remote = open_dataset("s3://photos/shards/", cache=tmp_path, cache_bytes=limit, shuffle="shards:1")
    for seed in range(3):
        samples = np.random.default_rng(seed).permutation(21)[:9]
        assert equal(remote, open_dataset(drawn.path), samples)
        assert sum(p.stat().st_size for p in tmp_path.glob("maskgen-*/*")) <= limit


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drawn-train-000002.tar", "drawn-train-000001.idx", "manifest.json"])
def test_moto_without_an_object(drawn: Any, amazon: Any, tmp_path: Path, name: str) -> None:
    upload(amazon, drawn.path, "shards")
    amazon.delete_object(Bucket="photos", Key=f"shards/{name}")
    with pytest.raises(ShardFault, match=re.escape(name)):
        open_dataset("s3://photos/shards", cache=tmp_path)


@pytest.mark.slow
def test_moto_with_a_truncated_object(drawn: Any, amazon: Any, tmp_path: Path) -> None:
    upload(amazon, drawn.path, "shards")
    name, data = drawn.shards()[1].name, drawn.shards()[1].read_bytes()
    opened = open_dataset("s3://photos/shards", cache=tmp_path / "before")
    amazon.put_object(Bucket="photos", Key=f"shards/{name}", Body=data[:-700])
    with pytest.raises(ShardFault, match=rf"(?s){len(data) - 700} bytes.*{name}"):
        open_dataset("s3://photos/shards", cache=tmp_path / "after")
    with pytest.raises(ShardFault, match=name):
        opened.open_tar(opened.shards[1])


@pytest.mark.slow
def test_moto_with_another_object_of_the_same_size(drawn: Any, amazon: Any, tmp_path: Path) -> None:
    upload(amazon, drawn.path, "shards")
    name, data = drawn.shards()[1].name, bytearray(drawn.shards()[1].read_bytes())
    data[9000] ^= 1
    amazon.put_object(Bucket="photos", Key=f"shards/{name}", Body=bytes(data))
    with pytest.raises(ShardFault, match=rf"(?s)SHA-256.*s3://photos/shards/{name}"):
        open_dataset("s3://photos/shards", cache=tmp_path, check_hashes=True)


@pytest.mark.slow
def test_no_such_bucket(amazon: Any, tmp_path: Path) -> None:
    with pytest.raises(ShardFault, match="s3://nowhere/shards"):
        open_dataset("s3://nowhere/shards", cache=tmp_path)


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(patience.RETRY_S, "0.2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(EnvironmentFault, match="cannot be used") as caught:
        open_dataset("s3://photos/shards", cache=tmp_path)
    assert "AWS_ENDPOINT_URL" in caught.value.remedy
    assert caught.value.exit_code == 3


STALL_S = 20.0
"""How long a stalled answer stays silent, unless the test is over."""


class Faulty(BaseHTTPRequestHandler):
    """ListObjectsV2 and ranged GET from a folder, with faults: ``faults[n]`` befalls the n-th request for a
    tar.
    """

    folder: Path
    faults: list[str]
    asked: Counter[str]
    lock: threading.Lock
    stalled: threading.Event

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        if "list-type" in url.query:
            self.answer(200, self.listing())
            return
        name = url.path.rpartition("/")[2]
        with self.lock:
            self.asked[name] += 1
            fault = self.faults.pop(0) if name.endswith(".tar") and self.faults else ""
        if fault.isdigit():
            self.answer(int(fault), b"<Error><Code>Injected</Code></Error>")
        else:
            self.send_file(name, fault)

    def send_file(self, name: str, fault: str) -> None:
        path = self.folder / name
        if not path.is_file():
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        data = path.read_bytes()
        first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        if fault == "flip":
            part = bytes([part[0] ^ 1]) + part[1:]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.send_header("ETag", '"x"')  # as every store does: a request is taken up again only with it
        self.end_headers()
        if fault in ("hang up", "stall"):
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self.stalled.wait(STALL_S if fault == "stall" else 0)
            self.connection.close()
        else:
            self.wfile.write(part)

    def listing(self) -> bytes:
        rows = "".join(
            f"<Contents><Key>shards/{p.name}</Key><Size>{p.stat().st_size}</Size>"
            "<LastModified>2015-10-21T07:28:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for p in sorted(self.folder.iterdir())
            if p.is_file()
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@pytest.fixture
def faulty(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    state = {"folder": drawn.path, "faults": [], "asked": Counter(), "lock": threading.Lock()}
    handler = type("Handler", (Faulty,), {**state, "stalled": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield handler
    handler.stalled.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults", [["503"], ["500", "503", "429"], ["hang up"], ["hang up", "503"], ["flip"]], ids=str
)
def test_passing_faults_are_overcome(
    faulty: type[Faulty], drawn: Any, tmp_path: Path, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PART_BYTES", 60_000)
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    faulty.faults += faults
    assert equal(remote, open_dataset(drawn.path))
    assert not faulty.faults
    assert not list(tmp_path.glob("maskgen-*/.*"))


@pytest.mark.slow
def test_a_store_that_fails_two_requests_of_three_works(
    faulty: type[Faulty], drawn: Any, tmp_path: Path
) -> None:
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    faulty.faults += ["503", "500", ""] * len(drawn.shards())
    assert equal(remote, open_dataset(drawn.path))
    assert sum(faulty.asked[path.name] for path in drawn.shards()) == 3 * len(drawn.shards())


@pytest.mark.slow
def test_a_request_is_tried_again_for_as_long_as_is_said_and_ever_more_seldom(
    faulty: type[Faulty], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five tries a tenth of a second apart would be over in less than one second."""
    monkeypatch.setenv(patience.RETRY_S, "1.5")
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    faulty.faults += ["503"] * 200
    began = time.monotonic()
    with pytest.raises(EnvironmentFault, match=r"000000\.tar") as caught:
        remote.open_tar(remote.shards[0])
    assert 1.4 < time.monotonic() - began < 6
    assert 4 < faulty.asked[remote.shards[0].tar_name] < 20
    assert patience.RETRY_S in caught.value.remedy


@pytest.mark.slow
def test_a_stalled_answer_ends_after_the_time_that_is_said(
    faulty: type[Faulty], drawn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(patience.TIMEOUT_S, "0.6")  # what opening fetches must come in time on a busy machine
    monkeypatch.setenv(patience.RETRY_S, "3")
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    faulty.faults += ["stall"]
    began = time.monotonic()
    os.close(remote.open_tar(remote.shards[0]))  # the second answer is whole
    faulty.faults += ["stall"] * 40
    with pytest.raises(EnvironmentFault, match="cannot be used") as caught:
        remote.open_tar(remote.shards[1])
    assert time.monotonic() - began < 9
    assert patience.TIMEOUT_S in caught.value.remedy


@pytest.mark.slow
def test_access_refused(faulty: type[Faulty], tmp_path: Path) -> None:
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    faulty.faults += ["403"] * 50
    with pytest.raises(EnvironmentFault, match="refuses access") as caught:
        remote.open_tar(remote.shards[0])
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["503", "flip", "hang up"])
def test_lasting_faults_end_in_an_error_and_leave_nothing(
    faulty: type[Faulty], tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(patience.RETRY_S, "0.2")
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    faulty.faults += [fault] * 200
    with pytest.raises((EnvironmentFault, ShardFault), match=r"drawn-train-000000\.tar"):
        remote.open_tar(remote.shards[0])
    assert not list(tmp_path.glob("maskgen-*/.*"))
    assert not list(tmp_path.glob("maskgen-*/*.tar"))
    faulty.faults.clear()
    os.close(remote.open_tar(remote.shards[0]))


@pytest.mark.slow
def test_an_unreachable_store_is_no_broken_sample(
    faulty: type[Faulty], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipping is for damage: with the network away, no epoch may go on with substitutes."""
    monkeypatch.setenv(patience.RETRY_S, "0.05")
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    reader = SampleReader(remote, on_error="skip")
    faulty.faults += ["503"] * 200
    with pytest.raises(EnvironmentFault, match="cannot be used"):
        reader.take(np.arange(21))
    assert not reader.broken
    faulty.faults.clear()
    reader.take(np.arange(21))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_is_told(faulty: type[Faulty], tmp_path: Path) -> None:
    remote = open_dataset("s3://photos/shards", cache=tmp_path)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            remote.open_tar(remote.shards[0])
        except EnvironmentFault as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        assert "forked" in answer.read()
    os.waitpid(child, 0)
