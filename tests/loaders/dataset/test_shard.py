"""The places of a shard's members against tarfile, and reads through them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import ShardFault
from maskgen.loaders import open_dataset


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def test_places_are_those_that_tarfile_finds(drawn: Any) -> None:
    import tarfile

    dataset = open_dataset(drawn.path)
    for shard in dataset.shards:
        with tarfile.open(dataset.tar(shard)) as archive:
            found = [(m.offset_data, m.size) for m in archive.getmembers()]
        assert list(zip(shard.offsets.ravel(), shard.sizes.ravel(), strict=True)) == found


def test_tar_changed_after_opening(copy: Any) -> None:
    from maskgen.loaders.dataset.shard import read_member

    dataset = open_dataset(copy.path)
    shard = dataset.shards[1]
    file = dataset.tar(shard)
    with dataset.descriptor(shard) as stream:
        assert read_member(stream, shard, 2, 3, "json").startswith(b'{"key":"s0008"')
    cut(file, int(shard.offsets[2, 3]) + 5)
    with dataset.descriptor(shard) as stream, pytest.raises(ShardFault, match="cut short"):
        read_member(stream, shard, 2, 3, "json")
    file.unlink()
    with pytest.raises(ShardFault, match="cannot open"), dataset.descriptor(shard):
        pass
