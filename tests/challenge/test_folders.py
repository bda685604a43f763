from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np

from maskgen.challenge.folders import SPLIT, encode_mask, make_folders, write_file


def test_a_mask_is_a_plain_array_of_zeros_and_ones() -> None:
    mask = np.eye(5, dtype=np.bool_)
    read = np.load(io.BytesIO(encode_mask(mask)), allow_pickle=False)
    assert read.dtype == np.uint8
    assert (read == np.eye(5)).all()
    assert encode_mask(mask) == encode_mask(mask.copy())


def test_what_a_dead_process_left_in_a_class_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "a" / SPLIT / "00"
    make_folders(tmp_path, ("a",), {0: "00"})
    left = folder / ".x.png.elsewhere-00000000-1-1-0.partial"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))  # nobody has written to it for longer than any lease
    (folder / "done.png").write_bytes(b"whole")
    make_folders(tmp_path, ("a",), {0: "00"})
    assert [path.name for path in folder.iterdir()] == ["done.png"]


def test_a_written_file_is_hashed_and_replaces_what_was_there(tmp_path: Path) -> None:
    for data in (b"one", b"another"):
        assert write_file(tmp_path / "x", data) == hashlib.sha256(data).hexdigest()
        assert (tmp_path / "x").read_bytes() == data
    assert len(list(tmp_path.iterdir())) == 1
