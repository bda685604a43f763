"""COCO's segmentations as pycocotools draws them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from mask_files import box, coco, half, write
from numpy.typing import NDArray
from pycocotools import mask as oracle

from maskgen.errors import SourceFault, UsageError
from maskgen.evaluation import pairs
from maskgen.evaluation.coco import read_instances, union
from maskgen.evaluation.reading import read_truth

OLD_ORACLE = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)  # pycocotools


def test_the_truth_is_all_instances_together_and_crowds_are_ignored(tmp_path: Path) -> None:
    path = coco(tmp_path / "i.json", [box(2, 3, 8, 9), box(20, 10, 25, 20), box(6, 0, 14, 12, crowd=1)])
    truth, ignored = read_truth(read_instances(path)["photo"])
    expected, crowd = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    expected[3:9, 2:8] = expected[10:20, 20:25] = True
    crowd[0:12, 6:14] = True
    assert (truth == expected).all()
    assert (ignored == (crowd & ~expected)).all()


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3]],
        [[1, 2, 3, float("inf"), 4, 5]],
        [[1, 2, 3, 1e12, 4, 5]],
        [["a", 2, 3, 4, 5, 6]],
        {"size": [20, 30], "counts": [1, 2]},
        {"size": [20, 30], "counts": [-1, 601]},
        {"size": [30, 20], "counts": [600]},
        {"size": [20, 30], "counts": "~~~"},
        {"size": [20, 30], "counts": "P"},
        {"counts": [600]},
    ],
)
def test_broken_segmentations_are_refused(segmentation: object) -> None:
    with pytest.raises(SourceFault, match=r"cannot draw a COCO segmentation: photo\.jpg"):
        union([segmentation], (20, 30), "photo.jpg")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[" * 100_000, "recursion|Stack overflow"),  # Python 3.14 says the latter
        ("[]", "no object with images and annotations"),
        (
            '{"images": [], "annotations": [{"image_id": 8, "segmentation": []}]}',
            "image 8, which is not listed",
        ),
        ('{"images": []}', "no 'annotations'"),
        ("\x89PNG\r\n", "Expecting value"),
    ],
)
def test_what_is_wrong_with_annotations_is_said(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "i.json"
    path.write_text(text)
    with pytest.raises(SourceFault, match=cause):
        read_instances(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a=half())
    with pytest.raises(SourceFault, match="not a text file"):
        pairs.open_truths(tmp_path / "a.png")


def test_annotations_without_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image in these annotations"):
        pairs.open_truths(coco(tmp_path / "i.json", [], images=[]))


@pytest.mark.slow
def test_annotations_take_a_few_times_their_size_of_memory(tmp_path: Path) -> None:
    polygon = [round(100 + number * 0.37, 2) for number in range(60)]
    path = coco(tmp_path / "i.json", [{"image_id": 7, "iscrowd": 0, "segmentation": [polygon]}] * 5000)
    tracemalloc.start()
    (truth,) = read_instances(path).values()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(truth.instances) == 5000
    assert list(truth.instances[0][0]) == polygon
    assert peak < 4 * path.stat().st_size  # lists of floats take 5.4 times


def test_broken_annotations_are_refused(tmp_path: Path) -> None:
    image = {"id": 7, "file_name": "a.jpg", "height": 2, "width": 2}
    (tmp_path / "text.json").write_text("{")
    paths = [
        tmp_path / "text.json",
        coco(tmp_path / "a.json", [], images=[{"id": 7}]),
        coco(tmp_path / "b.json", [{"image_id": 8, "segmentation": []}]),
        coco(tmp_path / "c.json", [], images=[image | {"height": 0}]),
        coco(tmp_path / "d.json", [], images=[image, image | {"id": 8, "file_name": "b/a.jpg"}]),
        coco(tmp_path / "e.json", [], images=[[]]),
    ]
    for path in paths:
        with pytest.raises(SourceFault, match=path.name):
            read_instances(path)


def drawn_by_oracle(segmentation: object, height: int, width: int) -> tuple[NDArray[np.bool_], str]:
    runs = oracle.frPyObjects(segmentation, height, width)
    runs = oracle.merge(runs) if isinstance(runs, list) else runs
    return oracle.decode(runs).astype(bool), runs["counts"].decode()


@OLD_ORACLE
def test_random_polygons_are_drawn_as_pycocotools_draws_them() -> None:
    rng = np.random.default_rng(0)
    for number in range(600):
        height, width, corners = (int(n) for n in rng.integers((1, 1, 3), (60, 60, 9)))
        polygon = rng.uniform(-20, 80, 2 * corners)
        polygon = np.round(polygon * 2) / 2 if number % 2 else polygon  # corners on pixel borders
        polygon[:4] = np.tile(polygon[:2], 2) if number % 5 == 0 else polygon[:4]
        expected, packed = drawn_by_oracle([polygon.tolist()], height, width)
        assert (union([[polygon.tolist()]], (height, width), "") == expected).all()
        runs = {"size": [height, width], "counts": packed}
        assert (union([runs], (height, width), "") == expected).all()


def test_a_polygon_of_two_corners_encloses_nothing() -> None:
    assert not union([[[2.5, 3.1, 20.4, 11.7]]], (20, 30), "").any()


@pytest.mark.slow
@OLD_ORACLE
@pytest.mark.parametrize(
    "file", ["coco_tiny_160/annotations/instances_train2017.json", "dali_coco/instances.json"]
)
def test_real_annotations_are_drawn_as_pycocotools_draws_them(shared_data: Path, file: str) -> None:
    drawn = 0
    for truth in read_instances(shared_data / file).values():
        for segmentation in (*truth.instances, *truth.crowds):
            if isinstance(segmentation, list) and any(len(polygon) < 6 for polygon in segmentation):
                continue  # pycocotools takes four numbers for a box, and stops
            expected, _ = drawn_by_oracle(segmentation, *truth.size)
            assert (union([segmentation], truth.size, "") == expected).all()
            drawn += 1
    assert drawn > 80
