"""One photo's picture: the pixels of `maskgen run`, upright, made once."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskgen import MaskReader
from maskgen.config.run_config import make_config
from maskgen.errors import ImageFault
from maskgen.io.images.decode import Limits, decode
from maskgen.io.turns import take_turn
from maskgen.pipelines import run
from maskgen.pipelines.masks.picture import Picture
from maskgen.pipelines.masks.task import Job, MaskTask
from maskgen.pipelines.resolve import resolve
from maskgen.types import ByteRef


def task(root: Path, output: Path, method: str = "mr", **options: object) -> MaskTask:
    values = {"dataset": "folder", "input": str(root), "output": "x", "method": method, **options}
    return MaskTask(resolve(make_config(values)), Picture(), root, output, overwrite=True)


def job(root: Path, name: str) -> Job:
    return Job(ByteRef(name, 0, (root / name).stat().st_size), name, f"{name}.png")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fast", "mr"])
def test_masks_are_those_of_a_run(discs: Path, tmp_path: Path, method: str) -> None:
    place = {"dataset": "folder", "input": discs, "output": tmp_path / "shards", "background": "none"}
    run(**place, method=method, workers=1, max_failures="50%")
    reader = MaskReader(tmp_path / "shards")
    for name in ("a0.jpg", "a5.jpg"):
        assert task(discs, tmp_path, method)(job(discs, name))
        mask = cv2.imread(str(tmp_path / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert (mask == reader[name.partition(".")[0]]).all()


def test_a_mask_fits_its_photo_as_a_viewer_shows_it(discs: Path, tmp_path: Path) -> None:
    with Image.open(discs / "a2.jpg") as photo:
        exif = photo.getexif()
        exif[0x0112] = 6  # to be turned by a quarter
        photo.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert task(tmp_path, tmp_path)(job(tmp_path, "turned.jpg"))
    mask = cv2.imread(str(tmp_path / "turned.jpg.png"), cv2.IMREAD_UNCHANGED)
    shown = cv2.imread(str(tmp_path / "turned.jpg"))  # OpenCV turns it too
    assert mask.shape == shown.shape[:2]
    assert mask[shown[..., 2] > 150].mean() > 4 * mask[shown[..., 2] < 100].mean()  # on the disc


def test_a_picture_is_made_once_and_again_when_anything_has_changed(discs: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes((discs / "a0.jpg").read_bytes())
    first, one = task(tmp_path, tmp_path), job(tmp_path, "a.jpg")
    assert [first(one), first(one), pickle.loads(pickle.dumps(first))(one)] == [True, False, False]
    made = (tmp_path / "a.jpg.png").read_bytes()
    (tmp_path / "a.jpg.png").write_bytes(made[:-20])
    assert first(one)
    assert (tmp_path / "a.jpg.png").read_bytes() == made
    assert task(tmp_path, tmp_path, "box")(one)
    (tmp_path / "a.jpg").write_bytes((discs / "a1.jpg").read_bytes())
    assert task(tmp_path, tmp_path, "box")(job(tmp_path, "a.jpg"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_picture_that_another_command_is_making_is_left_to_it(discs: Path, tmp_path: Path) -> None:
    one, photo = task(discs, tmp_path, "box"), job(discs, "a0.jpg")
    with take_turn(tmp_path / photo.target):
        assert one(photo) is None
    assert [one(photo), one(photo)] == [True, False]


def test_a_picture_of_bytes_is_that_of_the_file(discs: Path, tmp_path: Path) -> None:
    one = task(discs, tmp_path)
    one(job(discs, "a0.jpg"))
    assert one.make((discs / "a0.jpg").read_bytes()) == (tmp_path / "a0.jpg.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"), [("torn.jpg", "truncated|damaged"), ("html.jpg", "format-not-allowed")]
)
def test_a_broken_photo_is_a_fault_and_leaves_nothing(
    discs: Path, tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(ImageFault, match=reason):
        task(discs, tmp_path)(job(discs, name))
    assert list(tmp_path.iterdir()) == []


def test_a_photo_above_the_limits_is_not_decoded(discs: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageFault, match="too-many-pixels"):
        task(discs, tmp_path, max_pixels=100)(job(discs, "a0.jpg"))
    with pytest.raises(ImageFault, match="too-many-bytes"):
        task(discs, tmp_path, max_bytes=100)(job(discs, "a0.jpg"))
    picture = io.BytesIO()
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(picture, "png")
    assert decode(picture.getvalue(), Limits(1 << 20, 9, 3)).image.shape == (3, 3, 3)
