"""A shard whose files do not fit one another is refused, whichever of them was changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import ShardFault
from maskgen.io.atomic import file_sha256
from maskgen.loaders import open_dataset
from maskgen.shards import index, table, tar

ROUNDS = 150


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x10]))


@pytest.mark.slow
def test_tar_cut_at_each_member_boundary(copy: Any) -> None:
    file = copy.shards()[1]
    whole = file.read_bytes()
    members = tar.read_members(file)
    ends = [m.offset + m.size + -m.size % tar.BLOCK for m in members]
    for end in ends:
        cut(file, end)
        with pytest.raises(ShardFault, match=file.name):
            open_dataset(copy.path)
        file.write_bytes(whole)
    assert open_dataset(copy.path).samples == 21


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_any_file_cut_anywhere(copy: Any, suffix: str) -> None:
    rng = np.random.default_rng(7)
    files = copy.shards(suffix)
    for _ in range(ROUNDS):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        blocks = len(whole) // tar.BLOCK
        length = int(rng.integers(len(whole)) if rng.random() < 0.5 else tar.BLOCK * rng.integers(blocks))
        cut(file, length)
        with pytest.raises(ShardFault, match=file.name):
            open_dataset(copy.path)
        file.write_bytes(whole)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["idx", "parquet", "json"])
def test_any_byte_flipped_in_the_small_files(copy: Any, suffix: str) -> None:
    rng = np.random.default_rng(8)
    files = [copy.path / "manifest.json"] if suffix == "json" else copy.shards(suffix)
    for _ in range(ROUNDS):
        file = files[rng.integers(len(files))]
        offset = int(rng.integers(file.stat().st_size))
        flip(file, offset)
        with pytest.raises(ShardFault):
            open_dataset(copy.path)
        flip(file, offset)


@pytest.mark.slow
def test_any_byte_flipped_in_a_tar_with_check_hashes(copy: Any) -> None:
    rng = np.random.default_rng(9)
    for file in copy.shards():
        for offset in rng.integers(0, file.stat().st_size, 20):
            flip(file, int(offset))
            with pytest.raises(ShardFault, match=file.name):
                open_dataset(copy.path, check_hashes=True)
            flip(file, int(offset))


@pytest.mark.parametrize("member", [0, 3, -1])
def test_flipped_header_of_the_first_and_last_sample_without_check_hashes(copy: Any, member: int) -> None:
    file = copy.shards()[2]
    flip(file, tar.read_members(file)[member].offset - tar.BLOCK + 3)
    with pytest.raises(ShardFault, match="does not hold the member"):
        open_dataset(copy.path)


def test_garbage_in_place_of_the_end_blocks(copy: Any) -> None:
    file = copy.shards()[0]
    flip(file, file.stat().st_size - 700)
    with pytest.raises(ShardFault, match="zero blocks"):
        open_dataset(copy.path)


@pytest.mark.parametrize("suffixes", [("tar",), ("idx",), ("parquet",), ("tar", "idx", "parquet")])
def test_two_shards_swapped(copy: Any, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        one, two = copy.shards(suffix)[:2]
        rest = one.with_name("x")
        one.rename(rest)
        two.rename(one)
        rest.rename(two)
    with pytest.raises(ShardFault):
        open_dataset(copy.path)


def test_tars_of_equal_layout_swapped(copy: Any) -> None:
    """Same sizes, same offsets, other keys: only the headers tell."""
    file = copy.shards()[0]
    data = bytearray(file.read_bytes())
    for name, offset, size in tar.read_members(file):
        data[offset - tar.BLOCK : offset] = tar.header("t" + name[1:], size)
    file.write_bytes(data)
    with pytest.raises(ShardFault, match="does not hold the member"):
        open_dataset(copy.path)


def test_stale_index_of_an_older_tar(copy: Any, builder: Any) -> None:
    older = builder(empty=(4,), failed=(9,), seed=1)
    stale, current = older.shards("idx")[2], copy.shards("idx")[2]
    assert len(index.parse(stale)) == len(index.parse(current))
    shutil.copy(stale, current)
    with pytest.raises(ShardFault, match=r"000002\.idx"):
        open_dataset(copy.path)


def test_stale_index_that_somebody_also_put_into_the_manifest(copy: Any, resealed: Any) -> None:
    """Index, table and tar are compared with one another, not only with their hashes."""
    file = copy.shards("idx")[2]
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")

    def change(raw: Any) -> None:
        raw["shards"][2]["idx_sha256"] = file_sha256(file)

    resealed(copy.path / "manifest.json", change)
    with pytest.raises(ShardFault, match="index does not fit"):
        open_dataset(copy.path)


@pytest.mark.parametrize(
    ("column", "change", "match"),
    [
        ("meta_offset", 512, "do not fill the tar"),
        ("meta_size", 512, "do not fill the tar"),
        ("jpg_size", -(10**9), "do not fill the tar"),
        ("sat_size", -2, "has not 2178 bytes"),
        ("json_size", 1, "index does not fit"),
    ],
)
def test_table_of_wrong_places_in_a_manifest_that_agrees(
    copy: Any, resealed: Any, column: str, change: int, match: str
) -> None:
    """What a faulty tool could write: every hash fits, the places do not."""
    file = copy.shards("parquet")[0]
    rows = table.read(file).to_pylist()
    rows[-1][column] += change
    file.write_bytes(table.render(rows))
    fact = {"parquet_sha256": file_sha256(file), "parquet_bytes": file.stat().st_size}
    resealed(copy.path / "manifest.json", lambda raw: raw["shards"][0].update(fact))
    with pytest.raises(ShardFault, match=match):
        open_dataset(copy.path)
