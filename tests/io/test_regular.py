"""Regular files are opened; what would make a reader wait, or never end, is refused at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from descriptors import leading_into

from maskgen.io.regular import open_regular, read_regular


def test_a_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert read_regular(tmp_path / name) == b"content"
        descriptor = open_regular(tmp_path / name)
        assert os.pread(descriptor, 3, 4) == b"ent"
        os.close(descriptor)


@pytest.mark.timeout(30)
def test_anything_else_is_refused_and_leaves_no_descriptor(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "nothing").symlink_to("fifo")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    for name in ("fifo", "folder", "zeros", "nothing", "socket", "absent"):
        with pytest.raises(OSError, match=name):
            open_regular(tmp_path / name)
    assert leading_into(tmp_path) == []
    server.close()
