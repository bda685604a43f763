"""Shards whose hashes, places and checksums are right and whose members are not, as a hostile tool makes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from maskgen.io.atomic import file_sha256
from maskgen.io.checksum import crc32c
from maskgen.shards import index, sealed_json, table, tar
from maskgen.shards.meta import META

Change = bytes | Callable[[bytes], bytes]


def forge(path: Path, changes: dict[str, dict[str, Change]]) -> None:
    """Give samples, by key, other members, by extension, and make all that vouches for them agree."""
    for file in sorted(path.glob("*.tar")):
        with tarfile.open(file) as archive:
            if any(member.name.partition(".")[0] in changes for member in archive):
                _rewrite(file, {m.name: archive.extractfile(m).read() for m in archive}, changes)  # type: ignore[union-attr]


def _rewrite(file: Path, members: dict[str, bytes], changes: dict[str, dict[str, Change]]) -> None:
    rows = {row["key"]: row for row in table.read(file.with_suffix(".parquet")).to_pylist()}
    samples: dict[str, list[tar.Member]] = {}
    content = io.BytesIO()
    for name, before in members.items():
        key, _, ext = name.partition(".")
        change = changes.get(key, {}).get(ext, before)
        data = change if isinstance(change, bytes) else change(before)
        content.write(tar.header(name, len(data)))
        place = {"offset": content.tell(), "size": len(data), "crc32c": crc32c(data)}
        content.write(data + tar.padding(len(data)))
        rows[key].update({table.column(ext, part): value for part, value in place.items()})
        samples.setdefault(key, []).append(tar.Member(ext, place["offset"], len(data)))
    file.write_bytes(content.getvalue() + tar.END)
    file.with_suffix(".parquet").write_bytes(table.render(list(rows.values())))
    parts = [(key, tuple(found)) for key, found in samples.items()]
    file.with_suffix(".idx").write_bytes(index.render(parts))
    _vouch(file)


def _vouch(file: Path) -> None:
    """Let the manifest record the files of a shard as they are now."""
    whole = file.with_name("manifest.json")
    raw = sealed_json.read(whole)
    row = next(row for row in raw["shards"] if row["name"] == file.stem)
    for suffix in ("tar", "idx", "parquet"):
        part = file.with_suffix(f".{suffix}")
        row[f"{suffix}_bytes"], row[f"{suffix}_sha256"] = part.stat().st_size, file_sha256(part)
    sizes = (row.get("tar_bytes", 0) for row in raw["shards"])
    raw["totals"]["bytes"] = sum(sizes)
    whole.write_bytes(sealed_json.render(raw))


def metas(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """By key: a (1,) array of `META` that may be changed."""
    found = {}
    for file in sorted(path.glob("*.tar")):
        with tarfile.open(file) as archive:
            for member in archive:
                key, _, ext = member.name.partition(".")
                if ext == "meta":
                    found[key] = np.frombuffer(archive.extractfile(member).read(), META).copy()  # type: ignore[union-attr]
    return found


def undecodable(data: bytes) -> bytes:
    """The JPEG with a Huffman table of more codes than can be: its header is read, its pixels are not."""
    place = data.index(b"\xff\xc4") + 5
    return data[:place] + b"\xff" * 16 + data[place + 16 :]


def huge_jpeg(side: int) -> bytes:
    """A small file whose header states side x side px; a decoder makes room for all of them."""
    data = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = side.to_bytes(2, "big") * 2
    return bytes(data)
