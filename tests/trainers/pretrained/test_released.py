"""Torchvision's weights: fetched once, by the beginning of their SHA-256 that their name holds."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.trainers.pretrained.released import fetch_marked, supervised_file

DATA = b"weights"
NAME = f"resnet18-{hashlib.sha256(DATA).hexdigest()[:8]}.pth"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address that it is served at."""
    folder = tmp_path / "site"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_file_is_fetched_once_and_again_when_it_has_rotted(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = site
    (folder / NAME).write_bytes(DATA)
    path = fetch_marked(f"{address}/{NAME}", tmp_path / "cache")
    assert path.read_bytes() == DATA
    (folder / NAME).unlink()
    assert fetch_marked(f"{address}/{NAME}", tmp_path / "cache") == path
    path.write_bytes(b"rotten")
    with pytest.raises(EnvironmentFault, match="cannot fetch"):
        fetch_marked(f"{address}/{NAME}", tmp_path / "cache")
    (folder / NAME).write_bytes(DATA)
    assert fetch_marked(f"{address}/{NAME}", tmp_path / "cache").read_bytes() == DATA


def test_other_bytes_are_refused(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = site
    (folder / NAME).write_bytes(b"others")
    with pytest.raises(EnvironmentFault, match="cannot fetch"):
        fetch_marked(f"{address}/{NAME}", tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_only_what_torchvision_has_is_supervised() -> None:
    with pytest.raises(UsageError, match="torchvision has no supervised 'resnet18w2'"):
        supervised_file("resnet18w2")
