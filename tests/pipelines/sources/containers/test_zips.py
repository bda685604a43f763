"""The zip list and member reader against `zipfile`, and against lying zips."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskgen.errors import ImageFault, SourceFault
from maskgen.pipelines.sources.containers.zips import ZipMember, zip_members
from maskgen.pipelines.sources.reading import ByteReader
from maskgen.types import ByteRef

CAP = 1 << 20


def pack(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def ref(path: Path, member: ZipMember) -> ByteRef:
    return ByteRef(path.name, member.offset, member.size, "zip", member.name)


def read(path: Path, member: ZipMember) -> bytes:
    reader = ByteReader(path.parent, CAP)
    try:
        return reader.read(ref(path, member))
    finally:
        reader.close()


def fault(path: Path, member: ZipMember) -> str:
    with pytest.raises(ImageFault) as caught:
        read(path, member)
    return caught.value.reason


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_equal_to_zipfile(tmp_path: Path, method: int) -> None:
    rng = np.random.default_rng(0)
    files = {f"train2017/{n:03d} é.jpg": rng.bytes(n * 977) for n in range(40)} | {
        "zeros": bytes(CAP),
        "e": b"",
    }
    path = pack(tmp_path / "x.zip", files, method)
    with zipfile.ZipFile(path) as peer:
        expected = [(i.filename, i.header_offset, i.file_size) for i in peer.infolist()]
    members = list(zip_members(path))
    assert [(m.name, m.offset, m.size) for m in members] == expected
    assert {m.name: read(path, m) for m in members} == files


def test_written_without_seeking(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, part: object) -> int:
            self.data += bytes(part)  # type: ignore[call-overload]
            return len(bytes(part))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:  # type: ignore[arg-type]
        file.writestr("a.jpg", b"abc" * 100)
    (tmp_path / "x.zip").write_bytes(pipe.data)
    (member,) = zip_members(tmp_path / "x.zip")
    assert read(tmp_path / "x.zip", member) == b"abc" * 100


def test_zip64_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 500)
    files = {f"{n}.jpg": np.random.default_rng(n).bytes(700) for n in range(6)}
    path = pack(tmp_path / "x.zip", files, zipfile.ZIP_STORED)
    assert b"PK\x06\x06" in path.read_bytes()
    members = list(zip_members(path))
    assert {m.name: read(path, m) for m in members} == files


@pytest.mark.slow
def test_many_members_cross_the_window(tmp_path: Path) -> None:
    files = {f"{'long' * 40}{n:06d}.jpg": b"" for n in range(20_000)}
    members = list(zip_members(pack(tmp_path / "x.zip", files, zipfile.ZIP_STORED)))
    assert [m.name for m in members] == list(files)


def test_links_and_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.mkdir("folder")
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("real.jpg", b"1")
    assert [(m.name, m.plain) for m in zip_members(tmp_path / "x.zip")] == [
        ("link.jpg", False),
        ("real.jpg", True),
    ]


def central(data: bytes) -> int:
    return data.index(b"PK\x01\x02")


def test_declared_size_above_the_cap(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a.png": bytes(CAP + 1)})
    (member,) = zip_members(path)
    assert fault(path, member) == "too-many-bytes"


@pytest.mark.slow
def test_a_size_that_lies_low(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a.png": bytes(50 * CAP)})
    data = bytearray(path.read_bytes())
    at = central(data)
    data[at + 24 : at + 28] = struct.pack("<L", 1000)
    path.write_bytes(data)
    (member,) = zip_members(path)
    assert member.size == 1000
    assert fault(path, member) == "corrupt-source"


def test_a_size_that_lies_high(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a.png": b"abc" * 500})
    (member,) = zip_members(path)
    assert fault(path, member._replace(size=2000)) == "truncated-source"


def test_damaged_members(tmp_path: Path) -> None:
    payload = np.random.default_rng(0).bytes(5000)
    path = pack(tmp_path / "x.zip", {"a.jpg": payload}, zipfile.ZIP_STORED)
    (member,) = zip_members(path)
    good = path.read_bytes()
    for position in range(35, 5000, 400):
        data = bytearray(good)
        data[position] ^= 4
        path.write_bytes(data)
        assert fault(path, member) == "corrupt-source"
    path.write_bytes(good[:3000])
    assert fault(path, member) == "truncated-source"
    path.write_bytes(b"")
    assert fault(path, member) == "truncated-source"


def test_another_member_in_its_place(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a.jpg": b"1", "b.jpg": b"2"})
    first, second = zip_members(path)
    assert fault(path, first._replace(offset=second.offset)) == "corrupt-source"
    assert fault(path, first._replace(offset=7)) == "corrupt-source"


def test_random_deflate_data(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a.jpg": b"abcd" * 4000})
    (member,) = zip_members(path)
    good, size = path.read_bytes(), len(zlib.compress(b"abcd" * 4000))
    for seed in range(200):
        rng = np.random.default_rng(seed)
        data = bytearray(good)
        data[35 + rng.integers(size - 8)] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        assert fault(path, member) in ("corrupt-source", "truncated-source")


def edited(good: bytes, case: str) -> bytes:
    data = bytearray(good)
    at, end = central(data), data.rindex(b"PK\x05\x06")
    cases: dict[str, Callable[[], bytes | None]] = {
        "not a zip": lambda: b"<html></html>",
        "truncated": lambda: bytes(data[: len(data) // 2]),
        "encrypted": lambda: data.__setitem__(slice(at + 8, at + 10), b"\x01\0"),
        "method": lambda: data.__setitem__(slice(at + 10, at + 12), b"\x63\0"),
        "climbs": lambda: data.__setitem__(slice(at + 46, at + 52), b"../jpg"),
        "absolute": lambda: data.__setitem__(slice(at + 46, at + 47), b"/"),
        "offset": lambda: data.__setitem__(slice(at + 42, at + 46), b"\xfe\xff\xff\x0f"),
        "names too long": lambda: data.__setitem__(slice(at + 28, at + 30), b"\xff\xff"),
        "more members": lambda: data.__setitem__(slice(end + 10, end + 12), b"\x09\0"),
        "fewer members": lambda: data.__setitem__(slice(end + 10, end + 12), b"\x01\0"),
        "directory beyond": lambda: data.__setitem__(slice(end + 12, end + 16), b"\xff\xff\xff\x7f"),
    }
    return cases[case]() or bytes(data)


@pytest.mark.parametrize(
    "case",
    [
        "not a zip",
        "truncated",
        "encrypted",
        "method",
        "climbs",
        "absolute",
        "offset",
        "names too long",
        "more members",
        "fewer members",
        "directory beyond",
    ],
)
def test_hostile_directories(tmp_path: Path, case: str) -> None:
    path = pack(tmp_path / "x.zip", {"abcdef.jpg": b"1" * 100, "b.jpg": b"2" * 100})
    path.write_bytes(edited(path.read_bytes(), case))
    with pytest.raises(SourceFault, match=r"x\.zip"):
        list(zip_members(path))


def test_a_directory_of_millions(tmp_path: Path) -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 60, 1 << 60, 100, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    (tmp_path / "x.zip").write_bytes(wide + locator + end)
    with pytest.raises(SourceFault, match="members, cap"):
        list(zip_members(tmp_path / "x.zip"))
