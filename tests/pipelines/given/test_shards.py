"""Masks of an earlier run's shards, by path or key, each as its reader gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen import MaskReader
from maskgen.errors import ShardFault
from maskgen.pipelines.given.shards import ShardMasks
from maskgen.shards import manifest, table


def rows(shards: Path) -> list[dict[str, object]]:
    records = manifest.read(shards).shards
    return [row for one in records for row in table.read(shards / f"{one.name}.parquet").to_pylist()]


@pytest.mark.slow
def test_every_mask_is_found_by_its_path_and_by_its_key(shards: Path) -> None:
    masks, reader = ShardMasks(shards), MaskReader(shards)
    known = rows(shards)
    assert len(known) == 54
    for row in known:
        for photo, key in ((str(row["path"]), "no such key"), ("no such path", str(row["key"]))):
            found = masks.find(photo, key)
            assert found is not None
            assert (found.levels == reader[str(row["key"])]).all()
            assert found.made_for == (row["height"], row["width"])
    assert masks.find("no such path", "no such key") is None


@pytest.mark.slow
def test_a_damaged_mask_is_told_and_never_used(shards: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(shards, tmp_path / "shards")
    row = rows(shards)[0]
    tar = tmp_path / "shards" / f"{manifest.read(shards).shards[0].name}.tar"
    data = bytearray(tar.read_bytes())
    data[int(str(row["mask_png_offset"])) + int(str(row["mask_png_size"])) // 2] ^= 1
    tar.write_bytes(data)
    with pytest.raises(ShardFault, match="CRC-32C"):
        ShardMasks(tmp_path / "shards").find(str(row["path"]), str(row["key"]))
    tar.write_bytes(data[:-1])
    with pytest.raises(ShardFault, match="bytes"):
        ShardMasks(tmp_path / "shards")
