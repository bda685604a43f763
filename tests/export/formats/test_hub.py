from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from challenge_kit import Drawing, write_shards

from maskgen.export import Settings, export_masks
from maskgen.loaders import Dataset, MaskReader, open_dataset

Export = Callable[..., tuple[Path, dict[str, Any]]]


def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache"))


@pytest.mark.slow
def test_datasets_loads_pictures_and_classes(
    export: Export, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, _ = export("hf", license="cc0-1.0", part_size=2)
    splits = loaded(output, monkeypatch)
    assert list(splits) == ["train"]
    data, reader = splits["train"], MaskReader(dataset)
    kinds = {name: type(kind).__name__ for name, kind in data.features.items()}
    assert {kinds[name] for name in ("photo", "mask", "background")} == {"Image"}
    assert data.features["label"].names == ["cats", "dogs"]
    assert [row["key"] for row in data] == list(reader.keys())
    for row in data:
        assert (row["mask"].mode, row["photo"].mode) == ("L", "RGB")
        assert (np.asarray(row["mask"]) == reader[row["key"]]).all()
        assert row["photo"].size == row["background"].size == row["mask"].size
        assert row["label"] == reader.record(row["key"])["label"]
    assert 'license: "cc0-1.0"' in (output / "README.md").read_text()


@pytest.mark.slow
def test_datasets_loads_masks_alone_and_several_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = write_shards(tmp_path / "shards", [Drawing(1, (1, 2)), Drawing(2, None)])
    export_masks(open_dataset(shards), tmp_path / "out", Settings(to="hf", masks_only=True))
    data = loaded(tmp_path / "out", monkeypatch)["train"]
    assert data["labels"][:] == [[1, 2], []]
    assert "photo" not in data.features
