"""One member of a zip by its local header, against `zipfile`; lying sizes are bounded."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest

from maskgen.io.zip_member import ContainerFault, find_content, inflate, read_member
from maskgen.types import ByteRef

DATA = {"a.jpg": bytes(range(256)) * 9, "ä/b.jpg": b"second" * 500}


def archive(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in DATA.items():
            file.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_member_is_found_by_its_header(method: int) -> None:
    whole = archive(method)
    with zipfile.ZipFile(io.BytesIO(whole)) as peer:
        for info in peer.infolist():
            ref = ByteRef("x.zip", info.header_offset, info.file_size, "zip", info.filename)
            assert read_member(lambda at, size: whole[at : at + size], ref) == DATA[info.filename]
            content = find_content(lambda at, size: whole[at : at + size], ref)
            assert (content.deflated, content.crc32) == (method == zipfile.ZIP_DEFLATED, info.CRC)
            raw = whole[content.offset : content.offset + info.compress_size]
            assert (zlib.decompress(raw, -15) if content.deflated else raw) == DATA[info.filename]
            other = ByteRef("x.zip", info.header_offset, info.file_size, "zip", "c.jpg")
            with pytest.raises(ContainerFault, match=r"lies where 'c\.jpg' should"):
                find_content(lambda at, size: whole[at : at + size], other)


def test_a_bomb_is_inflated_to_its_declared_size_and_no_further() -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(1 << 24)) + packer.flush()
    asked = []

    def read_at(at: int, size: int) -> bytes:
        asked.append(size)
        return bomb[at : at + size]

    with pytest.raises(ContainerFault, match="more than its 1000 declared bytes"):
        inflate(read_at, 0, 1000)
    assert len(asked) == 1
    assert inflate(read_at, 0, 1 << 24) == bytes(1 << 24)
    with pytest.raises(ContainerFault, match="ends early"):
        inflate(lambda at, size: bomb[:99][at : at + size], 0, 1 << 24)
