from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import EnvironmentFault, Interrupted
from maskgen.export import Settings, export_masks
from maskgen.export.formats import arrays
from maskgen.io.images.encode import resize_mask
from maskgen.loaders import Dataset, MaskReader, open_dataset
from maskgen.processes.signals import StopSignals

zarr = pytest.importorskip("zarr")
Export = Callable[..., tuple[Path, dict[str, Any]]]


def opened(output: Path) -> tuple[Any, list[str]]:
    """The group, and the keys in it."""
    group = zarr.open_group(output / "masks.zarr", mode="r")
    return group, [key.decode() for key in np.asarray(group["key"][:]).view("S90")[:, 0].tolist()]


@pytest.mark.parametrize("shard_bytes", [64 << 20, 8000])
def test_zarr_reads_the_masks(
    shard_bytes: int, export: Export, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "SHARD_BYTES", shard_bytes)
    output, report = export("zarr", license="cc0-1.0")
    reader = MaskReader(dataset)
    group, keys = opened(output)
    assert group.metadata.zarr_format == 3
    assert keys == list(reader.keys())
    assert group["mask"].chunks == (1, 50, 74)
    assert group["mask"].shards == (1000 if shard_bytes > 8000 else 2, 50, 74)
    for number, key in enumerate(keys):
        height, width = group["size"][number]
        assert (group["mask"][number, :height, :width] == reader[key]).all()
        assert not group["mask"][number, :, width:].any()
        record = reader.record(key)
        assert (group["label"][number], group["coverage"][number], group["confidence"][number]) == (
            record["label"],
            record["fg_area"],
            record["confidence"],
        )
    about = dict(group.attrs)
    assert (about["license"], about["fingerprint"]) == ("cc0-1.0", dataset.fingerprint)
    assert about["masks"] == report["masks"]


@pytest.mark.parametrize("binary", [False, True])
def test_masks_squeezed_to_squares(binary: bool, export: Export, dataset: Dataset) -> None:
    group, keys = opened(export("zarr", side=24, binary=binary)[0])
    reader = MaskReader(dataset)
    assert group["mask"].shape == (5, 24, 24)
    for mask, key in zip(group["mask"][:], keys, strict=True):
        if binary:
            assert set(np.unique(mask)) == {0, 255}
        else:
            assert (mask == resize_mask(reader[key], (24, 24))).all()


def test_a_flipped_bit_is_noticed(export: Export) -> None:
    output, _ = export("zarr")
    (file,) = (output / "masks.zarr/mask/c").rglob("0/0/0")
    data = bytearray(file.read_bytes())
    data[10] ^= 1
    file.write_bytes(data)
    with pytest.raises(Exception, match=r"(?i)checksum|crc"):
        opened(output)[0]["mask"][:]


def test_a_damaged_sample_is_an_empty_row(copy: Path, tmp_path: Path) -> None:
    tar = min(copy.glob("*.tar"))
    data = bytearray(tar.read_bytes())
    data[data.index(b".mask.png") + 600] ^= 1
    tar.write_bytes(data)
    export_masks(open_dataset(copy), tmp_path / "out", Settings(to="zarr"))
    group, keys = opened(tmp_path / "out")
    assert keys == ["", "cats_b", "cats_deep_c", "dogs_a", "dogs_b"]
    assert not group["mask"][0].any()
    assert np.isnan(group["coverage"][0])


def test_without_zarr_it_says_what_to_install(
    export: Export, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(EnvironmentFault, match=r"maskgen\[export\]"):
        export("zarr")
    assert not (tmp_path / "out").exists()


def test_a_signal_lets_zarr_come_to_an_end() -> None:
    ended = []

    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        ended.append(True)

    with StopSignals(), pytest.raises(Interrupted):
        arrays.to_the_end(work)
    assert ended
