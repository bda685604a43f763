from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.errors import ShardFault
from maskgen.shards import tar

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,60}\.(jpg|mask\.png|json)", fullmatch=True)


def archive(files: list[tuple[str, bytes]]) -> bytes:
    return b"".join(tar.header(n, len(d)) + d + tar.padding(len(d)) for n, d in files) + tar.END


@pytest.mark.slow
@given(st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=8))
def test_tarfile_reads_what_we_write(files: list[tuple[str, bytes]]) -> None:
    data = archive(files)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as opened:
        members = opened.getmembers()
        read = [(m.name, opened.extractfile(m).read()) for m in members]  # type: ignore[union-attr]
    assert read == files
    assert all((m.mtime, m.uid, m.gid, m.mode, m.type) == (0, 0, 0, 0o644, tarfile.REGTYPE) for m in members)
    walked = list(tar.walk(io.BytesIO(data), "x.tar"))
    assert [(m.name, m.offset_data, m.size) for m in members] == [tuple(m) for m in walked]


def test_header_equals_tarfiles_own() -> None:
    info = tarfile.TarInfo("n01440764_10026.mask.png")
    info.size, info.mode = 123456, 0o644
    assert tar.header(info.name, info.size) == info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("name", ["", "a" * 101, "é.jpg"])
def test_header_refuses_names_that_do_not_fit(name: str) -> None:
    with pytest.raises(ValueError):
        tar.header(name, 1)


FILES = [("a.jpg", b"x" * 700), ("a.json", b"{}"), ("b.jpg", b""), ("b.json", b"y" * 512)]


def test_every_truncation_is_found() -> None:
    data = archive(FILES)
    for length in range(0, len(data), 64):
        with pytest.raises(ShardFault):
            list(tar.walk(io.BytesIO(data[:length]), "x.tar"))


def test_every_flipped_header_bit_is_found() -> None:
    data = archive(FILES)
    offsets = [member.offset - tar.BLOCK for member in tar.walk(io.BytesIO(data), "x.tar")]
    for offset in offsets:
        for position in range(offset, offset + tar.BLOCK):
            damaged = bytearray(data)
            damaged[position] ^= 0x01
            with pytest.raises(ShardFault):
                list(tar.walk(io.BytesIO(bytes(damaged)), "x.tar"))


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(ShardFault, match="zero blocks"):
        list(tar.walk(io.BytesIO(archive(FILES) + b"\0" * 512), "x.tar"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("name", ["a.jpg", "../a.jpg", "/etc/a.jpg"])
def test_links_devices_and_folders_are_refused(kind: bytes, name: str) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "target"
    with pytest.raises(ShardFault):
        list(tar.walk(io.BytesIO(info.tobuf(tarfile.USTAR_FORMAT) + tar.END), "x.tar"))


def test_long_names_and_huge_sizes_are_refused() -> None:
    long = tarfile.TarInfo("d/" * 80 + "a.jpg")
    huge = tarfile.TarInfo("a.jpg")
    huge.size = 1 << 40
    for info, kind in ((long, tarfile.PAX_FORMAT), (long, tarfile.GNU_FORMAT), (huge, tarfile.GNU_FORMAT)):
        with pytest.raises(ShardFault):
            list(tar.walk(io.BytesIO(info.tobuf(kind) + tar.END), "x.tar"))
