"""ByteReader: exact bytes in any order, bounded handles and memory, every fault named."""

from __future__ import annotations

import errno
import gzip
import os
import pickle
import random
import resource
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from descriptors import leading_into

from maskgen.errors import ImageFault, SourceFault
from maskgen.pipelines.sources import ByteReader, reading
from maskgen.types import ByteRef


def fault(reader: ByteReader, ref: ByteRef) -> ImageFault:
    with pytest.raises(ImageFault) as caught:
        reader.read(ref)
    return caught.value


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[ByteReader]:
    reader = ByteReader(tmp_path, 1000)
    yield reader
    reader.close()


@pytest.mark.parametrize("codec", ["", "gzip"])
def test_slices_in_any_order(tmp_path: Path, codec: str) -> None:
    data = np.random.default_rng(0).bytes(700_000)
    (tmp_path / "f").write_bytes(gzip.compress(data) if codec else data)
    reader = ByteReader(tmp_path, 1 << 20)
    rng = random.Random(1)
    for _ in range(60):
        offset = rng.randrange(len(data))
        size = rng.randrange(len(data) - offset + 1)
        assert reader.read(ByteRef("f", offset, size, codec)) == data[offset : offset + size]
    reader.close()


def test_too_many_bytes_before_anything_is_opened(reader: ByteReader) -> None:
    error = fault(reader, ByteRef("absent", 0, 1001))
    assert (error.reason, error.detail) == ("too-many-bytes", "1001 bytes, cap 1000")


@pytest.mark.parametrize("codec", ["", "gzip"])
def test_short_source(tmp_path: Path, reader: ByteReader, codec: str) -> None:
    (tmp_path / "f").write_bytes(gzip.compress(bytes(100)) if codec else bytes(100))
    assert fault(reader, ByteRef("f", 50, 60, codec)).reason == "truncated-source"
    assert fault(reader, ByteRef("f", 500, 60, codec)).reason == "truncated-source"
    assert reader.read(ByteRef("f", 50, 50, codec)) == bytes(50)


def test_cut_gzip_gives_what_lies_before_the_cut(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(100_000)
    (tmp_path / "f").write_bytes(gzip.compress(data)[:50_000])
    reader = ByteReader(tmp_path, 1 << 20)
    for _ in range(2):
        assert fault(reader, ByteRef("f", 60_000, 1000, "gzip")).reason == "truncated-source"
        assert reader.read(ByteRef("f", 10_000, 1000, "gzip")) == data[10_000:11_000]
    reader.close()


@pytest.mark.parametrize("codec", ["", "gzip", "zip"])
def test_vanished_folder_pipe_and_permission(tmp_path: Path, reader: ByteReader, codec: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("absent", "folder", "pipe", "loop", "folder/x" + "y" * 300):
        error = fault(reader, ByteRef(name, 0, 1, codec, "m"))
        assert error.reason == "unreadable"
        assert str(tmp_path) not in error.detail


def test_input_output_error(tmp_path: Path, reader: ByteReader, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"12345")

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", broken)
        error = fault(reader, ByteRef("f", 0, 5))
    assert (error.reason, error.detail) == ("unreadable", "f: Input/output error")
    assert reader.read(ByteRef("f", 0, 5)) == b"12345"


@pytest.mark.parametrize(
    "ref",
    [
        ByteRef("../f", 0, 1),
        ByteRef("/etc/passwd", 0, 1),
        ByteRef("a/../../f", 0, 1),
        ByteRef("f", -1, 1),
        ByteRef("f", 0, -1),
        ByteRef("f", 0, 1, "pickle"),
        ByteRef("f\0g", 0, 1),
    ],
)
def test_references_that_no_source_makes(reader: ByteReader, ref: ByteRef) -> None:
    with pytest.raises(SourceFault):
        reader.read(ref)


def test_handles_stay_few(tmp_path: Path) -> None:
    for n in range(200):
        (tmp_path / f"{n}").write_bytes(b"%d" % n)
        (tmp_path / f"{n}.gz").write_bytes(gzip.compress(b"%d" % n))
    reader = ByteReader(tmp_path, 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 25, hard))
    try:
        for n in [*range(200), *range(0, 200, 7)]:
            text = b"%d" % n
            assert reader.read(ByteRef(f"{n}", 0, len(text))) == text
            assert reader.read(ByteRef(f"{n}.gz", 0, len(text), "gzip")) == text
        reader.close()
        assert leading_into(tmp_path) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_forward_reading_of_gzip_does_not_start_again(
    tmp_path: Path, reader: ByteReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(gzip.compress(bytes(range(256)) * 1000))
    starts = []
    real = reading.GzipStream._start
    monkeypatch.setattr(reading.GzipStream, "_start", lambda self: (starts.append(1), real(self)))
    for offset in range(0, 200_000, 999):
        reader.read(ByteRef("f", offset, 900, "gzip"))
    assert len(starts) == 1
    reader.read(ByteRef("f", 0, 900, "gzip"))
    assert len(starts) == 2


@pytest.mark.slow
def test_gzip_memory_is_bounded(tmp_path: Path, reader: ByteReader) -> None:
    with gzip.open(tmp_path / "f", "wb", compresslevel=1) as file:
        for n in range(40):
            file.write(np.random.default_rng(n).bytes(1 << 20))
    tracemalloc.start()
    reader.read(ByteRef("f", 39 << 20, 900, "gzip"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_arguments_travel_to_a_worker(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    root, cap = pickle.loads(pickle.dumps((tmp_path, 10)))
    reader = ByteReader(root, cap)
    assert reader.read(ByteRef("f", 1, 3)) == b"234"
    reader.close()
