from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from challenge_kit import Drawing, write_shards

from maskgen.export import Settings, export_masks
from maskgen.loaders import Dataset, MaskReader, open_dataset

Export = Callable[..., tuple[Path, dict[str, Any]]]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def opened(file: Path) -> Any:
    coco = pytest.importorskip("pycocotools.coco")
    with contextlib.redirect_stdout(io.StringIO()):
        return coco.COCO(str(file))


def test_pycocotools_reads_the_masks(export: Export, dataset: Dataset, made: Path) -> None:
    output, _ = export("coco")
    found, reader = opened(output / "annotations.json"), MaskReader(dataset)
    assert found.loadCats(found.getCatIds()) == [{"id": 1, "name": "foreground"}]
    for image in found.loadImgs(found.getImgIds()):
        assert (made / "photos" / image["file_name"]).is_file()
        (annotation,) = found.imgToAnns[image["id"]]
        mask, known = found.annToMask(annotation), reader.hard(image["key"])
        assert mask.shape == (image["height"], image["width"])
        assert (mask == known).all()
        area = pytest.importorskip("pycocotools.mask")
        assert annotation["area"] == area.area(annotation["segmentation"])
        assert annotation["bbox"] == area.toBbox(annotation["segmentation"]).tolist()
    assert len(found.imgs) == dataset.samples


def test_a_photo_without_foreground_has_no_annotation(tmp_path: Path) -> None:
    drawings = [Drawing(1, None), Drawing(2, (1, 2), box=(0, 0, 0, 0))]
    shards = write_shards(tmp_path / "shards", drawings)
    export_masks(open_dataset(shards), tmp_path / "out", Settings(to="coco", by_key=True, part_size=1))
    found = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [(one["id"], one["file_name"], one["label"]) for one in found["images"]] == [
        (1, "k01.jpg", None),
        (2, "k02.jpg", [1, 2]),
    ]
    assert [one["image_id"] for one in found["annotations"]] == [1]
