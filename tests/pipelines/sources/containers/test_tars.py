"""Tar files that may be compressed."""

from __future__ import annotations

import gzip
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from archive_kit import tar_of

from maskgen.errors import SourceFault
from maskgen.pipelines.sources.containers.tars import tar_members


def test_gzip_offsets_are_those_of_the_stream(tmp_path: Path) -> None:
    files = {f"{n}.bin": np.random.default_rng(n).bytes(n * 700) for n in range(9)}
    data = tar_of(files)
    path = tmp_path / "x.tgz"
    path.write_bytes(gzip.compress(data[:3000]) + gzip.compress(data[3000:]) + bytes(100))
    got = {m.name: read_at(m.offset, m.size) for m, read_at in tar_members(path)}
    assert got == files


@pytest.mark.parametrize("cut", [1, 9, 100, 5000])
def test_truncated_gzip(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(tar_of({"a.bin": np.random.default_rng(0).bytes(20_000)}))[:-cut])
    with pytest.raises(SourceFault, match="truncated"):
        list(tar_members(path))


def test_flipped_gzip_byte(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(tar_of({"a.bin": np.random.default_rng(0).bytes(20_000)})))
    data[-6] ^= 1  # the checksum
    path = tmp_path / "x.tar.gz"
    path.write_bytes(data)
    with pytest.raises(SourceFault, match="corrupt-source"):
        list(tar_members(path))


def bomb() -> bytes:
    """A gzip file of 64 GiB of zeros that begins as a tar member of that size."""
    import zlib

    packer = zlib.compressobj(9, wbits=-15)
    huge = tarfile.TarInfo("a.jpg")
    huge.size = 64 << 30
    first = packer.compress(huge.tobuf(tarfile.GNU_FORMAT)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(64 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + first + piece * 20


@pytest.mark.slow
def test_gzip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "x.tgz"
    path.write_bytes(bomb())
    tracemalloc.start()
    with pytest.raises(SourceFault, match="gzip-bomb"):
        list(tar_members(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_gzip_of_empty_members(tmp_path: Path) -> None:
    path = tmp_path / "x.tgz"
    path.write_bytes(gzip.compress(b"") * 200_000)
    with pytest.raises(SourceFault, match="hold nothing"):
        list(tar_members(path))


def test_gzip_with_text_after_it(tmp_path: Path) -> None:
    path = tmp_path / "x.tgz"
    path.write_bytes(gzip.compress(tar_of({"a": b"1"})) + b"and more")
    with pytest.raises(SourceFault, match="corrupt-source"):
        list(tar_members(path))


def test_nothing_is_written(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "x.tar").write_bytes(
        tar_of({"a/b.jpg": b"1", "evil.pkl": b"cos\nsystem\n(S'touch pwned'\ntR."})
    )
    assert len(list(tar_members(inside / "x.tar"))) == 2
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "x.tar"]
