"""Weights from a real HTTP server on this machine, which serves, redirects, breaks off and lies."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from faulty_store import FaultyStore
from file_server import Server, serving

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io import download
from maskgen.io.download import Wanted, cache_folder, fetch, fetch_to, weights_file

WEIGHTS = np.random.default_rng(0).bytes(3_000_017)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(WEIGHTS) as server:
        yield server


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def test_a_file_is_fetched_once_and_found_by_its_hash(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = fetch(f"{server.address}/u2netp.pth", SHA256, tmp_path, progress=lambda *given: told.append(given))
    assert path.read_bytes() == WEIGHTS
    assert path.suffix == ".pth"
    assert path.name.startswith("u2netp-")
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert fetch(f"{server.address}/u2netp.pth", SHA256.upper(), tmp_path) == path
    assert server.asked == ["/u2netp.pth"]
    assert names(tmp_path) == [path.name]


def test_a_rotten_cached_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    path = fetch(f"{server.address}/u2netp.pth", SHA256, tmp_path)
    path.write_bytes(WEIGHTS[:-1] + b"x")
    assert fetch(f"{server.address}/u2netp.pth", SHA256, tmp_path).read_bytes() == WEIGHTS
    assert len(server.asked) == 2


def test_length_may_be_unknown_and_the_address_may_move(server: Server, tmp_path: Path) -> None:
    for place in ("of-unknown-length.pth", "moved"):
        assert fetch(f"{server.address}/{place}", SHA256, tmp_path).read_bytes() == WEIGHTS


def test_a_wrong_hash_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    wrong = hashlib.sha256(b"").hexdigest()
    with pytest.raises(UsageError, match=SHA256) as caught:
        fetch(f"{server.address}/u2netp.pth", wrong, tmp_path)
    assert wrong in str(caught.value)
    assert names(tmp_path) == []


def test_a_transfer_that_breaks_off_leaves_nothing_and_works_the_next_time(
    server: Server, tmp_path: Path
) -> None:
    server.cuts = [1_000_000]
    with pytest.raises(EnvironmentFault, match="broke off after 1,000,000 of 3,000,017 bytes"):
        fetch(f"{server.address}/broken-off.pth", SHA256, tmp_path)
    assert names(tmp_path) == []
    assert fetch(f"{server.address}/broken-off.pth", SHA256, tmp_path).read_bytes() == WEIGHTS


@pytest.mark.parametrize("place", ["u2netp.pth", "of-unknown-length.pth"])
def test_more_than_the_cap_is_refused(server: Server, tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match="larger than 2,000,000 bytes"):
        fetch(f"{server.address}/{place}", SHA256, tmp_path, max_bytes=2_000_000)
    assert names(tmp_path) == []


@pytest.mark.parametrize("place", ["to-ftp", "to-file", "to-plain-http"])
def test_redirects_to_unsafe_places_are_refused(server: Server, tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match=r"https|not allowed"):
        fetch(f"{server.address}/{place}", SHA256, tmp_path)


def test_endless_redirects_end(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="302"):
        fetch(f"{server.address}/round", SHA256, tmp_path)


@pytest.mark.parametrize(
    ("place", "kind", "words"),
    [("404.pth", UsageError, "404"), ("503.pth", EnvironmentFault, "503")],
)
def test_the_servers_refusal_is_told_without_the_query(
    server: Server, tmp_path: Path, place: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        fetch(f"{server.address}/{place}?signature=secret", SHA256, tmp_path)
    assert place in str(caught.value)
    assert "secret" not in str(caught.value)
    assert f"copy them to {tmp_path}" in caught.value.remedy


def test_no_server_says_where_a_copy_can_be_put(server: Server, tmp_path: Path) -> None:
    address = f"{server.address}/u2netp.pth"
    server.shutdown()
    server.server_close()
    with pytest.raises(EnvironmentFault, match="ConnectionRefusedError") as caught:
        fetch(address, SHA256, tmp_path)
    place = Path(str(caught.value).partition("copy them to ")[2].partition(", or")[0])
    place.write_bytes(WEIGHTS)
    assert fetch(address, SHA256, tmp_path) == place  # offline, and found


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/u2netp.pth",
        "ftp://example.org/u2netp.pth",
        "file:///etc/hostname",
        "https:///u2netp.pth",
        "http://127.0.0.1.example.org/u2netp.pth",
        "https://name:secret@example.org/u2netp.pth",
    ],
)
def test_unsafe_addresses_are_refused_before_anything_is_sent(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError, match=r"https|password") as caught:
        fetch(address, SHA256, tmp_path)
    assert "secret" not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("sha256", ["", "1234", SHA256[:-1] + "g", SHA256 + "0"])
def test_an_address_needs_a_whole_hash(server: Server, tmp_path: Path, sha256: str) -> None:
    with pytest.raises(UsageError, match="SHA-256"):
        fetch(f"{server.address}/u2netp.pth", sha256, tmp_path)
    assert server.asked == []


def test_a_strange_name_stays_in_the_folder(server: Server, tmp_path: Path) -> None:
    for place in ("..%2f..%2fevil.pth", "a b;rm -rf.pth?x=/y.onnx", ""):
        path = fetch(f"{server.address}/{place.replace(' ', '%20')}", SHA256, tmp_path / "cache")
        assert path.parent == tmp_path / "cache"
        assert path.resolve() == path.parent.resolve() / path.name


def test_the_cache_is_where_the_desktop_standard_puts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASKGEN_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/maskgen/weights")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the standard says: ignore it
    assert cache_folder() == Path.home() / ".cache/maskgen/weights"
    monkeypatch.setenv("MASKGEN_WEIGHTS", "~/models")  # a folder of one's own comes first
    assert cache_folder() == Path.home() / "models"


def test_weights_by_path_or_address(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKGEN_WEIGHTS", str(tmp_path / "cache"))
    path = tmp_path / "mine.pth"
    path.write_bytes(WEIGHTS)
    assert weights_file(str(path)) == path
    assert weights_file(str(path), SHA256) == path
    with pytest.raises(UsageError, match=SHA256):
        weights_file(str(path), "0" * 64)
    with pytest.raises(UsageError, match="no such"):
        weights_file(str(tmp_path / "none.pth"))
    fetched = weights_file(f"{server.address}/u2netp.pth", SHA256)
    assert fetched.is_relative_to(tmp_path / "cache")
    assert fetched.read_bytes() == WEIGHTS


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_says_so(server: Server, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EnvironmentFault, match="cannot write"):
        fetch(f"{server.address}/u2netp.pth", SHA256, tmp_path / "cache")


def test_a_proxy_is_not_asked_for_this_machine(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch(f"{server.address}/u2netp.pth", SHA256, tmp_path).read_bytes() == WEIGHTS


def test_a_broken_transfer_goes_on_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 2_000_000]
    assert fetch(f"{server.address}/resumes.pth", SHA256, tmp_path).read_bytes() == WEIGHTS
    assert server.ranges == ["", "bytes=1000000-", "bytes=2000000-"]


def test_a_server_that_begins_anew_is_understood(server: Server, tmp_path: Path) -> None:
    server.cuts = [1_000_000]
    assert fetch(f"{server.address}/forgets.pth", SHA256, tmp_path).read_bytes() == WEIGHTS
    assert server.ranges == ["", "bytes=1000000-"]


def test_it_does_not_try_for_ever(server: Server, tmp_path: Path) -> None:
    server.cuts = [1000 * n for n in range(1, 100)]
    with pytest.raises(EnvironmentFault, match="broke off"):
        fetch(f"{server.address}/resumes.pth", SHA256, tmp_path)
    assert len(server.asked) == download.ATTEMPTS
    assert names(tmp_path) == []


def test_a_server_that_hardly_sends_anything_counts_as_broken_off(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SLOWEST_S", 0.05)
    with pytest.raises(EnvironmentFault, match=r"only .* bytes came in"):
        fetch(f"{server.address}/slow.pth", SHA256, tmp_path)
    assert names(tmp_path) == []


def test_a_web_page_in_place_of_the_file_is_called_one(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"web page.*\n.*proxy"):
        fetch(f"{server.address}/page.pth", SHA256, tmp_path)


def test_an_unreachable_proxy_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(EnvironmentFault, match=r"through the proxy http://127\.0\.0\.1:9") as caught:
        fetch("https://example.invalid/u2netp.pth", SHA256, tmp_path)
    assert "secret" not in str(caught.value)
    assert "https_proxy" in caught.value.remedy


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_the_publishers_own_hash_must_fit_too(server: Server, tmp_path: Path, kind: str) -> None:
    published = hashlib.new(kind, WEIGHTS).hexdigest()
    address, place = f"{server.address}/u2netp.pth", tmp_path / "u2netp.pth"
    with pytest.raises(UsageError, match=f"wanted {kind} {published[::-1]}, found {published}"):
        fetch_to(place, address, Wanted(SHA256, published=f"{kind}:{published[::-1]}"))
    assert names(tmp_path) == []
    right = Wanted(SHA256, published=f"{kind}:{published}")
    assert fetch_to(place, address, right).read_bytes() == WEIGHTS


def test_of_many_that_want_a_file_one_fetches_it_and_the_others_wait(server: Server, tmp_path: Path) -> None:
    place, told = tmp_path / "cache" / "u2netp.pth", []
    all_wait = threading.Semaphore(0)

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if not done:
            all_wait.release()

    def work() -> None:
        fetch_to(place, f"{server.address}/waits.pth", Wanted(SHA256), tell)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert all(all_wait.acquire(timeout=20) for _ in threads[1:])
    server.go_on.set()
    for thread in threads:
        thread.join(20)
    assert place.read_bytes() == WEIGHTS
    assert server.asked == ["/waits.pth"]
    assert told.count((0, 0)) == 3
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert names(place.parent) == [place.name]


@pytest.mark.slow
def test_a_killed_download_leaves_no_file_and_keeps_nobody_waiting(server: Server, tmp_path: Path) -> None:
    place, address = tmp_path / "u2netp.pth", f"{server.address}/waits.pth"
    code = "import sys; from pathlib import Path; from maskgen.io.download import Wanted, fetch_to; "
    code += "fetch_to(Path(sys.argv[1]), sys.argv[2], Wanted(sys.argv[3]))"
    with subprocess.Popen([sys.executable, "-c", code, str(place), address, SHA256]) as process:
        assert server.busy.wait(30)
        assert not place.exists()
        process.send_signal(signal.SIGKILL)
    assert any(name.endswith(".partial") for name in names(tmp_path))
    server.go_on.set()
    assert fetch_to(place, address, Wanted(SHA256)).read_bytes() == WEIGHTS
    assert names(tmp_path) == [place.name]


def test_weights_in_an_object_store_are_fetched_once(faulty_store: FaultyStore, tmp_path: Path) -> None:
    faulty_store.objects["models/u2netp.pth"] = WEIGHTS
    faulty_store.faults += [("GET", "u2netp.pth", "cut"), ("GET", "u2netp.pth", "503")]
    told: list[tuple[int, int]] = []
    address = "s3://bucket/models/u2netp.pth"
    path = fetch(address, SHA256, tmp_path, progress=lambda *given: told.append(given))
    assert path.read_bytes() == WEIGHTS
    assert path.name.startswith("u2netp-")
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))
    faulty_store.log.clear()
    assert fetch(address, SHA256, tmp_path) == path
    assert not faulty_store.log


def test_weights_that_a_store_has_not_or_has_others_of_are_refused(
    faulty_store: FaultyStore, tmp_path: Path
) -> None:
    faulty_store.objects["u2netp.pth"] = WEIGHTS[::-1]
    for address, words in (
        ("s3://bucket/u2netp.pth", "do not have the hash"),
        ("s3://bucket/absent.pth", "the weights file is not there: s3://bucket/absent.pth"),
        ("s3://me:word@bucket/u2netp.pth", "an address holds credentials"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            fetch(address, SHA256, tmp_path)
        assert "word" not in str(caught.value).replace("AWS_", "")
    with pytest.raises(UsageError, match="larger than 9 bytes"):
        fetch("s3://bucket/u2netp.pth", SHA256, tmp_path, max_bytes=9)
    with pytest.raises(UsageError, match="need their SHA-256"):
        weights_file("gs://bucket/u2netp.pth")
    assert names(tmp_path) == []
