"""`run_retrieval`: perfect where features are colors and classes too, what it writes, and going on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from segmentation_kit import make_voc
from torch import Tensor
from torch.nn import functional

from maskgen.errors import Interrupted, SourceFault, UsageError
from maskgen.processes.signals import StopSignals
from maskgen.trainers.evaluations.retrieval import task
from maskgen.trainers.evaluations.retrieval.task import (
    RetrievalConfig,
    name_regions,
    run_retrieval,
    summarize,
)


def config(folder: Path, output: Path, **values: Any) -> RetrievalConfig:
    given: dict[str, Any] = {
        "checkpoint": "random",
        "backbone": "tiny",
        "layer": "layer3",
        "stride": 0,
        **values,
    }
    return RetrievalConfig(device=torch.device("cpu"), data=folder, output=output, side=96, **given)


class Colors:
    """In the place of `DenseMaps`: colors at stride 4, which tell the classes of the kit."""

    def __init__(self, *_given: Any, **_options: Any) -> None:
        pass

    def __call__(self, images: Tensor) -> Tensor:
        return functional.avg_pool2d(images, 4)


@pytest.mark.parametrize("masked", [False, True])
def test_colors_name_the_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masked: bool) -> None:
    monkeypatch.setattr(task, "DenseMaps", Colors)
    folder = make_voc(tmp_path)
    masks = folder / "VOCdevkit" / "VOC2012" / "masks" if masked else None
    found = run_retrieval(config(folder, tmp_path / "out", masks=masks, clusters=4))
    least = 0.99 if masked else 0.8  # places of 4 px are coarse
    for name in ("background", "bus", "cat"):
        assert found["ious"][name] > least
    assert found["ious"]["person"] is None  # in train alone, and never answered
    assert found["miou_21"] == pytest.approx(
        np.mean([found["ious"][n] for n in ("background", "bus", "cat")])
    )
    assert found["miou_7"] == pytest.approx(np.mean([found["ious"][n] for n in ("bus", "cat")]))


def test_photos_without_a_mask_are_counted_and_told(tmp_path: Path) -> None:
    folder, told = make_voc(tmp_path), list[str]()
    masks = folder / "VOCdevkit" / "VOC2012" / "masks"
    (masks / "2007_000033.png").unlink()
    found = run_retrieval(config(folder, tmp_path / "out", masks=masks), say=told.append)
    assert (found["unpaired"], found["regions"]) == (1, 1)
    assert told[0].startswith("note: 1 photo has no mask")
    for path in masks.iterdir():
        path.rename(path.with_stem(f"{path.stem}_mask"))
    with pytest.raises(UsageError, match=r"(?s)no photo has a mask: .*masks.*stem .* as 2007_000032"):
        run_retrieval(config(folder, tmp_path / "out", masks=masks))


def test_an_annotation_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = make_voc(tmp_path)
    path = folder / "VOCdevkit" / "VOC2012" / "JPEGImages" / "2007_000042.jpg"
    cv2.imwrite(str(path), np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(SourceFault, match="a photo of 60x80 px has an annotation of 80x60 px"):
        run_retrieval(config(folder, tmp_path / "out"))


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "_PART", 1)
    folder = make_voc(tmp_path)
    whole = run_retrieval(config(folder, tmp_path / "whole"))
    assert json.loads((tmp_path / "whole" / "retrieval.json").read_text()) == whole
    stop = StopSignals()
    stop.count = 1
    with pytest.raises(Interrupted):
        run_retrieval(config(folder, tmp_path / "twice"), stop=stop)
    assert len(list((tmp_path / "twice" / "retrieval").rglob("*.npz"))) == 1
    assert run_retrieval(config(folder, tmp_path / "twice")) == whole


def test_a_region_of_train_has_the_class_of_most_of_its_pixels() -> None:
    vectors = np.eye(2, dtype=np.float32)
    counts = np.zeros((2, 21), np.int64)
    counts[0, [0, 3]], counts[1, [0, 5]] = (9, 4), (1, 2)
    test = {"vectors": vectors, "counts": np.ones((2, 21), np.int64), "rest": np.full((1, 21), 2)}
    plain = name_regions({"vectors": vectors, "counts": counts}, test, masked=False)
    assert (plain[1, 0], plain[1, 5], plain[1].sum()) == (3, 1, 4)
    masked = name_regions({"vectors": vectors, "counts": counts}, test, masked=True)
    assert (masked[1, 0], masked[1, 3], masked[1, 5]) == (2, 1, 1)
    with pytest.raises(UsageError, match="no region of train has a class"):
        name_regions({"vectors": vectors, "counts": counts * 0}, test, masked=False)


def test_classes_that_are_nowhere_do_not_count() -> None:
    table = np.zeros((21, 21), np.int64)
    table[0, 0], table[8, 8], table[8, 0] = 6, 2, 2
    found = summarize(table)
    assert found["miou_21"] == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert found["miou_7"] == 0.5
