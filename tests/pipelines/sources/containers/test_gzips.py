"""A gzip file as a stream: the bytes that Python's own module gives, at any place, and nothing endless."""

from __future__ import annotations

import contextlib
import gzip
import random
import zlib
from pathlib import Path

import pytest

from maskgen.io.zip_member import ContainerFault
from maskgen.pipelines.sources.containers.gzips import GzipStream


def stored(path: Path, *members: bytes, after: bytes = b"") -> Path:
    path.write_bytes(b"".join(gzip.compress(member) for member in members) + after)
    return path


def read(path: Path, offset: int, size: int) -> bytes:
    with contextlib.closing(GzipStream(path)) as stream:
        return stream.read_at(offset, size)


def test_any_place_forward_and_back_gives_what_gzip_gives(tmp_path: Path) -> None:
    rng = random.Random(0)
    parts = [rng.randbytes(300_000), b"", rng.randbytes(70_000), b"abc" * 1000]
    path = stored(tmp_path / "a.gz", *parts, after=bytes(512))
    whole = gzip.decompress(path.read_bytes())
    assert whole == b"".join(parts)
    with contextlib.closing(GzipStream(path)) as stream:
        for _ in range(30):
            offset, size = rng.randrange(len(whole) + 10), rng.randrange(60_000)
            assert stream.read_at(offset, size) == whole[offset : offset + size]


@pytest.mark.parametrize("cut", [5, 40, -1])
def test_a_stream_that_ends_early_is_truncated(tmp_path: Path, cut: int) -> None:
    path = stored(tmp_path / "a.gz", random.Random(1).randbytes(5000))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ContainerFault) as caught:
        read(path, 0, 10_000)
    assert caught.value.reason == "truncated-source"


def test_a_wrong_checksum_and_other_bytes_are_corrupt(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.gz", b"hello" * 100)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # inside the CRC
    for content in (bytes(data), b"no gzip at all, but long enough"):
        path.write_bytes(content)
        with pytest.raises(ContainerFault) as caught:
            read(path, 0, 1000)
        assert caught.value.reason == "corrupt-source"


@pytest.mark.slow
def test_growth_beyond_the_ratio_is_refused_after_a_grace(tmp_path: Path) -> None:
    pack = zlib.compressobj(9, wbits=31)
    data = b"".join(pack.compress(bytes(1 << 20)) for _ in range(64)) + pack.flush()
    (tmp_path / "a.gz").write_bytes(data)
    assert read(tmp_path / "a.gz", 0, 1 << 20) == bytes(1 << 20)
    with pytest.raises(ContainerFault, match="gzip-bomb"):
        read(tmp_path / "a.gz", 60 << 20, 10)


def test_thousands_of_empty_members_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.gz", *[b""] * 1002, b"x")
    with pytest.raises(ContainerFault, match="gzip-bomb"):
        read(path, 0, 1)
