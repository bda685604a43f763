from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from challenge_kit import Drawing, write_shards
from PIL import Image

from maskgen.export import Settings, export_masks
from maskgen.export.formats import parquet
from maskgen.loaders import Dataset, MaskReader, open_dataset

Export = Callable[..., tuple[Path, dict[str, Any]]]


def rows(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "data").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("binary", [False, True])
def test_rows_hold_the_samples(binary: bool, export: Export, dataset: Dataset, made: Path) -> None:
    output, _ = export("parquet", binary=binary, part_size=2)
    found, reader = rows(output), MaskReader(dataset)
    assert [row["key"] for row in found] == list(reader.keys())
    for row in found:
        record = reader.record(row["key"])
        assert row["photo"] == (made / "photos" / row["source"]).read_bytes()
        with Image.open(io.BytesIO(row["mask"])) as mask, Image.open(io.BytesIO(row["background"])) as ground:
            known = reader.hard(row["key"]) * 255 if binary else reader[row["key"]]
            assert (np.asarray(mask) == known).all()
            assert ground.size == mask.size == (row["width"], row["height"])
        assert (row["label"], row["coverage"], row["confidence"]) == (
            record["label"],
            record["fg_area"],
            record["confidence"],
        )
    assert [file.name for file in sorted((output / "data").iterdir())] == [
        f"train-0000{number}-of-00003.parquet" for number in range(3)
    ]


def test_metadata_has_the_hash_of_every_file(export: Export) -> None:
    output, _ = export("parquet", part_size=2)
    metadata = json.loads((output / "croissant.json").read_text())
    objects = [one for one in metadata["distribution"] if one["@type"] == "cr:FileObject"]
    assert len(objects) == 3
    for one in objects:
        data = (output / one["contentUrl"]).read_bytes()
        assert (one["sha256"], one["contentSize"]) == (hashlib.sha256(data).hexdigest(), f"{len(data)} B")


def test_masks_only_and_shards_without_photos(export: Export, made: Path, tmp_path: Path) -> None:
    (row, *_) = rows(export("parquet", masks_only=True)[0])
    assert "mask" in row
    assert not {"photo", "background"} & row.keys()
    export_masks(open_dataset(made / "sidecar"), tmp_path / "masks", Settings(to="parquet"))
    assert "photo" not in rows(tmp_path / "masks")[0]
    joined = open_dataset(made / "sidecar", photos=made / "photos")
    export_masks(joined, tmp_path / "joined", Settings(to="parquet"))
    (row, *_) = rows(tmp_path / "joined")
    assert row["photo"] == (made / "photos" / row["source"]).read_bytes()


def test_several_labels(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", [Drawing(1, (1, 2)), Drawing(2, None)])
    export_masks(open_dataset(shards), tmp_path / "out", Settings(to="parquet"))
    assert [row["labels"] for row in rows(tmp_path / "out")] == [[1, 2], []]


def test_a_row_group_is_small(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    output, _ = export("parquet", "few")
    (file,) = (output / "data").iterdir()
    assert pq.ParquetFile(file).num_row_groups == 3
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1)
    output, _ = export("parquet", "one")
    (file,) = (output / "data").iterdir()
    assert pq.ParquetFile(file).num_row_groups == 5
