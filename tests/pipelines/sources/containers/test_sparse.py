"""Bytes of a file that are read when they are looked at, against all of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from maskgen.io.storage.reading import open_bytes
from maskgen.pipelines.sources.containers.sparse import SparseBytes, Window


def test_any_byte_and_slice_are_those_of_the_whole(tmp_path: Path) -> None:
    draw = random.Random(3)
    data = draw.randbytes(30_000)
    (tmp_path / "x").write_bytes(data)
    whole = data[1000:25_000]
    with open_bytes(tmp_path / "x") as file:
        part = SparseBytes(Window(file), 1000, len(whole))
        assert len(part) == len(whole)
        for _ in range(300):
            first, size = draw.randrange(len(whole)), draw.choice([0, 1, 5, 4096, 9000])
            assert part[first] == whole[first]
            assert part[first : first + size] == whole[first : first + size]


def test_a_file_that_ends_earlier_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(100))
    with open_bytes(tmp_path / "x") as file:
        part = SparseBytes(Window(file), 50, 100)
        assert part[49] == 0
        with pytest.raises(OSError, match="cut"):
            part[40:60]
        with pytest.raises(OSError, match="cut"):
            part[50]
