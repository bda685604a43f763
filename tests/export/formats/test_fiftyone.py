from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskgen.loaders import Dataset, MaskReader

Export = Callable[..., tuple[Path, dict[str, Any]]]


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_samples_name_their_files(export: Export, dataset: Dataset, made: Path) -> None:
    output, _ = export("fiftyone", license="cc0-1.0")
    samples = json.loads((output / "samples.json").read_text())["samples"]
    reader = MaskReader(dataset)
    assert [one["key"] for one in samples] == list(reader.keys())
    for one in samples:
        assert (output / one["filepath"]).read_bytes() == (made / "photos" / one["source"]).read_bytes()
        assert (pixels(output / one["mask"]["mask_path"]) == 255 * reader.hard(one["key"])).all()
        assert (pixels(output / one["soft"]["map_path"]) == reader[one["key"]]).all()
        assert one["label"]["label"] == one["source"].split("/")[0]
    about = json.loads((output / "metadata.json").read_text())
    assert about["info"]["license"] == "cc0-1.0"
    (one, *_) = json.loads((export("fiftyone", "hard", binary=True)[0] / "samples.json").read_text())[
        "samples"
    ]
    assert "soft" not in one


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the libraries that FiftyOne uses
def test_fiftyone_reads_the_masks(export: Export, dataset: Dataset) -> None:
    """By its importer, which `Dataset.from_dir` calls; a data set would need a database."""
    fiftyone = pytest.importorskip("fiftyone")
    output, _ = export("fiftyone")
    importer = fiftyone.types.LegacyFiftyOneDataset().get_dataset_importer_cls()(str(output))
    reader = MaskReader(dataset)
    with importer:
        samples = list(importer)
        assert importer.get_dataset_info()["default_mask_targets"] == {"255": "foreground"}
    assert [one["key"] for one in samples] == list(reader.keys())
    for one in samples:
        assert isinstance(one["mask"], fiftyone.Segmentation)
        assert (one["mask"].get_mask() == 255 * reader.hard(one["key"])).all()
        assert (one["soft"].get_map() == reader[one["key"]]).all()
        assert Path(one.filepath).is_file()
