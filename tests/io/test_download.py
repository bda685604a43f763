"""Weights from a real HTTP server on this machine, which serves, redirects, breaks off and lies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.download import cache_folder, fetch, weights_file

WEIGHTS = np.random.default_rng(0).bytes(3_000_017)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


class Server(ThreadingHTTPServer):
    """Counts what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []
        self.whole = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        name = self.path.partition("?")[0]
        if name == "/to-ftp":
            return self._redirect("ftp://127.0.0.1/u2netp.pth")
        if name == "/to-file":
            return self._redirect("file:///etc/hostname")
        if name == "/to-plain-http":
            return self._redirect("http://192.0.2.1/u2netp.pth")
        if name == "/round":
            return self._redirect("/round")
        if name == "/moved":
            return self._redirect("/u2netp.pth")
        if name == "/nothing-here.pth":
            return self.send_error(404)
        if name == "/busy.pth":
            return self.send_error(503)
        self.send_response(200)
        if name != "/of-unknown-length.pth":
            self.send_header("Content-Length", str(len(WEIGHTS)))
        self.end_headers()
        cut = 1_000_000 if name == "/broken-off.pth" and not self.server.whole else len(WEIGHTS)
        with contextlib.suppress(ConnectionError):  # the client may have seen enough
            self.wfile.write(WEIGHTS[:cut])
        return None

    def _redirect(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
    server.whole = False
    with pytest.raises(EnvironmentFault, match="broke off after 1,000,000 of 3,000,017 bytes"):
        fetch(f"{server.address}/broken-off.pth", SHA256, tmp_path)
    assert names(tmp_path) == []
    server.whole = True
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
    [("nothing-here.pth", UsageError, "404"), ("busy.pth", EnvironmentFault, "503")],
)
def test_the_servers_refusal_is_told_without_the_query(
    server: Server, tmp_path: Path, place: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        fetch(f"{server.address}/{place}?signature=secret", SHA256, tmp_path)
    assert place in str(caught.value)
    assert "secret" not in str(caught.value)


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
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/maskgen/weights")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the standard says: ignore it
    assert cache_folder() == Path.home() / ".cache/maskgen/weights"


def test_weights_by_path_or_address(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
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
