"""The tar walk against `tarfile`, and against hostile archives."""

from __future__ import annotations

import io
import struct
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_kit import tar_of

from maskgen.errors import SourceFault
from maskgen.io.tars import TarMember, slice_reader, walk


def header(name: bytes = b"a.jpg", size: bytes = b"00000000005\0", kind: bytes = b"0") -> bytes:
    """One ustar header block made by hand, its checksum right."""
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = size
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(1024)


def listed(data: bytes) -> list[TarMember]:
    return list(walk(lambda offset, size: data[offset : offset + size], "x.tar", end=len(data)))


def refused(data: bytes) -> str:
    with pytest.raises(SourceFault) as caught:
        listed(data)
    return str(caught.value)


NAMES = {
    "short.jpg": b"12345",
    "empty.txt": b"",
    "d" * 90 + "/" + "f" * 60 + ".jpg": bytes(513),
    "block.bin": bytes(512),
    "ümlaut ☃.png": b"xyz",
}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_equal_to_tarfile(form: int) -> None:
    files = dict(NAMES)
    if form != tarfile.USTAR_FORMAT:
        files["e" * 200 + "/" + "g" * 300 + ".jpg"] = b"long"
    data = tar_of(files, form)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        expected = [(info.name, info.offset_data, info.size) for info in tar]
    members = listed(data)
    assert [(m.name, m.offset, m.size) for m in members] == expected
    assert [data[m.offset : m.offset + m.size] for m in members] == list(files.values())
    assert all(m.plain for m in members)


def test_pax_size_and_base_256_size() -> None:
    pax = b"16 size=0000005\n"
    data = header(b"PaxHeader", b"%011o\0" % len(pax), b"x") + pax.ljust(512, b"\0")
    data += header(size=b"00000000000\0") + b"12345".ljust(512, b"\0")
    data += header(b"b.jpg", b"\x80" + (5).to_bytes(11, "big")) + b"67890".ljust(512, b"\0") + END
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        expected = [(info.name, info.offset_data, info.size) for info in tar]
    assert (
        [(m.name, m.offset, m.size) for m in listed(data)]
        == expected
        == [("a.jpg", 1536, 5), ("b.jpg", 2560, 5)]
    )


def test_links_devices_and_folders_are_no_plain_files() -> None:
    stream = io.BytesIO()
    kinds = {
        "s": tarfile.SYMTYPE,
        "h": tarfile.LNKTYPE,
        "c": tarfile.CHRTYPE,
        "b": tarfile.BLKTYPE,
        "d": tarfile.DIRTYPE,
        "f": tarfile.FIFOTYPE,
    }
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(f"{name}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        tar.addfile(tarfile.TarInfo("real.jpg"))
    members = listed(stream.getvalue())
    assert [m.name for m in members if m.plain] == ["real.jpg"]
    assert [m.name for m in members if m.folder] == ["d.jpg/"]
    assert len(members) == 7


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "climbs out": (lambda: header(b"../x.jpg") + bytes(512) + END, "outside"),
    "climbs out inside": (lambda: header(b"a/../../x.jpg") + bytes(512) + END, "outside"),
    "absolute": (lambda: header(b"/etc/x.jpg") + bytes(512) + END, "outside"),
    "no name": (lambda: header(b"") + bytes(512) + END, "no usable name"),
    "negative size": (lambda: header(size=b"\xff" * 12) + END, "impossible size"),
    "huge base 256": (lambda: header(size=b"\x80" + b"\x7f" * 11) + END, "impossible size"),
    "minus octal": (lambda: header(size=b"-0000000005\0") + END, "impossible size"),
    "underscored octal": (lambda: header(size=b"0000_000005\0") + END, "impossible size"),
    "beyond the end": (lambda: header(size=b"77777777777\0") + bytes(512) + END, "beyond the end"),
    "bad checksum": (lambda: header().replace(b"a.jpg", b"b.jpg") + bytes(512) + END, "checksum"),
    "text": (lambda: b"<html>" * 200, "checksum"),
    "empty file": (lambda: b"", "truncated"),
    "no end marker": (lambda: header() + bytes(512)[:5].ljust(512, b"x"), "no end-of-archive marker"),
    "joined with cat": (lambda: tar_of({"a": b"1"}) + tar_of({"b": b"2"}), "after its end marker"),
    "huge pax": (
        lambda: header(kind=b"x", size=b"%011o\0" % (2 << 20)) + bytes(3 << 20),
        "extension header of",
    ),
    "malformed pax": (lambda: header(kind=b"x") + b"hello".ljust(512, b"\0") + END, "malformed PAX"),
    "pax of length 0": (lambda: header(kind=b"x") + b"0 a=\n".ljust(512, b"\0") + END, "malformed PAX"),
    "pax chain": (lambda: (header(kind=b"x") + b"5 a=\n".ljust(512, b"\0")) * 9 + END, "extension headers"),
    "pax without member": (
        lambda: header(kind=b"x") + b"5 a=\n".ljust(512, b"\0") + END,
        "belongs to no member",
    ),
    "global path": (
        lambda: header(kind=b"g", size=b"00000000011\0") + b"9 path=b\n".ljust(512, b"\0") + END,
        "global header",
    ),
    "negative pax size": (
        lambda: (
            header(kind=b"x", size=b"00000000012\0") + b"10 size=-1\n"[:10].ljust(512, b"\0") + header() + END
        ),
        "PAX",
    ),
    "overlong name": (lambda: tar_of({"a/" * 3000 + "b": b""}, tarfile.GNU_FORMAT), "no usable name"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused_with_a_reason(case: str) -> None:
    make, words = HOSTILE[case]
    message = refused(make())
    assert words in message
    assert "x.tar" in message


def test_every_truncation_is_refused() -> None:
    data = tar_of({f"{n}.jpg": bytes([n]) * (300 * n) for n in range(5)}, tarfile.PAX_FORMAT)
    whole = len(listed(data))
    end = len(data.rstrip(b"\0"))
    body = -(-end // 512) * 512
    for length in [*range(0, body + 1024, 37), *range(0, body + 1024, 512)]:
        refused(data[:length])
    assert len(listed(data[: body + 1024])) == whole


def test_half_an_end_marker_is_no_end() -> None:
    """Eight members, cut behind the fifth, and one block of zeros: five of eight must not pass for all."""
    data = tar_of({f"{n}.jpg": bytes([n + 1]) * 700 for n in range(8)})
    cut = data[: 5 * 1536]
    for tail in (512, 513, 1023):
        message = refused(cut + bytes(tail))
        assert "truncated: one block of zeros at byte 7680" in message
        assert "append 512 zero bytes" in message
    assert len(listed(cut + bytes(1024))) == 5  # nothing tells this one from a tar of five


def test_a_lost_sector_in_place_of_a_header_is_no_end() -> None:
    data = bytearray(tar_of({f"{n}.jpg": bytes([n + 1]) * 700 for n in range(8)}))
    data[5 * 1536 : 5 * 1536 + 512] = bytes(512)
    assert "a lone block of zeros at byte 7680, with data behind it" in refused(bytes(data))


@pytest.mark.parametrize("form", ["gnu", "posix", "posix --sparse-version=0.0"])
@pytest.mark.parametrize("holes", [3, 60])
def test_sparse_files_as_gnu_tar_writes_them(tmp_path: Path, form: str, holes: int) -> None:
    """More than four parts go on in blocks that the member's size does not count."""
    with (tmp_path / "holes.jpg").open("wb") as file:
        for n in range(holes):
            file.seek(n << 16)
            file.write(bytes([n + 1]) * 4096)
    (tmp_path / "plain.jpg").write_bytes(b"12345")
    how = ["--sparse", "--hole-detection=raw", "--format", *form.split()]
    subprocess.run(["tar", "-cf", "x.tar", *how, "holes.jpg", "plain.jpg"], cwd=tmp_path, check=True)
    data = (tmp_path / "x.tar").read_bytes()
    sparse, plain = listed(data)
    assert (sparse.name, sparse.plain, sparse.sparse) == ("holes.jpg", False, True)
    assert (plain.name, plain.plain, plain.sparse) == ("plain.jpg", True, False)
    assert data[plain.offset : plain.offset + plain.size] == b"12345"


def test_the_map_of_a_sparse_file_cut_short() -> None:
    block = bytearray(header(kind=b"S"))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    assert "truncated inside the map of a sparse file" in refused(bytes(block))


def test_an_archive_without_its_end_marker_may_end_behind_a_members_content() -> None:
    data = tar_of({"a.jpg": bytes(1000), "b.jpg": bytes(1000)}, tarfile.PAX_FORMAT)
    a, b = listed(data)

    def lenient(length: int) -> list[TarMember]:
        return list(walk(lambda at, size: data[:length][at : at + size], "x.tar", end=length, marked=False))

    assert lenient(0) == []
    assert [lenient(n) for n in (1512, 1530, 1536)] == [[a]] * 3
    assert lenient(b.offset + 1000) == lenient(len(data)) == [a, b]
    for length in (511, 1511, 1537, b.offset, b.offset + 999):
        with pytest.raises(SourceFault, match="truncated"):
            lenient(length)
    data = header(kind=b"x", size=b"00000000011\0") + b"9 path=b\n".ljust(512, b"\0")
    with pytest.raises(SourceFault, match="truncated"):
        lenient(len(data))


def test_flipped_header_bytes_never_give_other_members() -> None:
    data = bytearray(tar_of({"a.jpg": b"1" * 600, "b.jpg": b"2" * 600}))
    expected = listed(bytes(data))
    for position in (*range(512), *range(1536, 2048)):
        data[position] ^= 0x15
        with pytest.raises(SourceFault):
            listed(bytes(data))
        data[position] ^= 0x15
    assert listed(bytes(data)) == expected


def test_too_many_members() -> None:
    data = tar_of({f"{n}": b"" for n in range(20)})
    with pytest.raises(SourceFault, match="more than 10 members"):
        list(walk(lambda o, s: data[o : o + s], "x.tar", end=len(data), max_members=10))


@pytest.mark.slow
def test_many_members_in_bounded_memory() -> None:
    block = header(size=b"00000000000\0")
    count = 100_000

    def read_at(offset: int, size: int) -> bytes:
        return block if offset < count * 512 else bytes(size)

    tracemalloc.start()
    assert sum(1 for _ in walk(read_at, "x.tar", end=(count + 2) * 512)) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_slice_reader_stops_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    with (tmp_path / "f").open("rb") as file:
        read_at = slice_reader(file.fileno())
        assert (read_at(3, 4), read_at(8, 9), read_at(20, 1)) == (b"3456", b"89", b"")


def test_unknown_type_with_data_is_passed_over() -> None:
    data = header(kind=b"V") + b"label".ljust(512, b"\0") + header() + b"12345".ljust(512, b"\0") + END
    assert [(m.name, m.plain) for m in listed(data)] == [("a.jpg", False), ("a.jpg", True)]


def test_signed_checksum_of_old_tars() -> None:
    block = bytearray(header("ü.jpg".encode("latin-1")))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(struct.unpack("512b", bytes(block)))
    assert len(listed(bytes(block) + b"12345".ljust(512, b"\0") + END)) == 1
