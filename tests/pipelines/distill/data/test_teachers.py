"""The maps that a student learns: those of the methods themselves, and masks in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.errors import ImageFault
from maskgen.methods.priors.mr import mr
from maskgen.pipelines.distill.data.photos import Drawn, Opened, configs, draw
from maskgen.pipelines.distill.data.teachers import TeacherMaps, read_mask, small_maps
from maskgen.pipelines.distill.settings.teachers import Teacher

SIDE = 24
MIB = 1 << 20


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Opened, Drawn, str]:
    """A photo one folder down: a red disc on gray."""
    photo = np.full((48, 60, 3), 110, np.uint8)
    cv2.circle(photo, (30, 24), 12, (40, 60, 210), -1)
    path = tmp_path / "photos" / "n01" / "disc.png"
    write_png(path, photo)
    sources = configs([str(tmp_path / "photos")], "folder", "train")
    [one] = draw(sources, 0, 1).photos
    return Opened(sources), one, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def teachers(tmp_path: Path) -> tuple[Teacher, ...]:
    """A method, and a folder with the photo's right half as its mask."""
    half = np.zeros((48, 60), np.uint8)
    half[:, 30:] = 255
    write_png(tmp_path / "masks" / "n01" / "disc.png", half)
    return Teacher("mr", "mr"), Teacher("files", "files", str(tmp_path / "masks"))


def test_a_method_and_a_folder_give_a_map_each(
    drawn: tuple[Opened, Drawn, str], teachers: tuple[Teacher, ...]
) -> None:
    opened, photo, sha256 = drawn
    found = TeacherMaps(opened, teachers, SIDE)((photo, sha256))
    assert (found.shape, found.dtype) == ((2, SIDE, SIDE), np.uint8)
    wanted = cv2.resize(mr(opened(photo)[0]), (SIDE, SIDE), interpolation=cv2.INTER_AREA) * 255
    assert np.abs(found[0] - wanted).mean() < 1.5
    assert found[1, :, :12].max() == 0
    assert found[1, :, 12:].min() == 255


def test_the_mirror_image_is_shown_to_methods_too(
    drawn: tuple[Opened, Drawn, str], teachers: tuple[Teacher, ...]
) -> None:
    opened, photo, sha256 = drawn
    found = TeacherMaps(opened, teachers, SIDE, mirror=True)((photo, sha256))
    image = opened(photo)[0]
    left, right = mr(image), mr(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    assert np.abs(left - right).mean() > 0.001  # superpixels of a mirror image are others
    wanted = cv2.resize((left + right) / 2, (SIDE, SIDE), interpolation=cv2.INTER_AREA) * 255
    assert np.abs(found[0] - wanted).mean() < 1.5
    assert np.abs(found[0] - TeacherMaps(opened, teachers, SIDE)((photo, sha256))[0]).max() > 0
    assert found[1, :, :12].max() == 0  # masks of a folder are as they are
    assert found[1, :, 12:].min() == 255


def test_a_photo_that_has_changed_has_no_map(drawn: tuple[Opened, Drawn, str]) -> None:
    opened, photo, _ = drawn
    with pytest.raises(ImageFault, match="not those that were drawn"):
        TeacherMaps(opened, (Teacher("mr", "mr"),), SIDE)((photo, "0" * 64))


def test_maps_are_averaged_over_the_pixels_that_they_shrink() -> None:
    fine = np.zeros((8, 8), np.float32)
    fine[:4, :3] = 1  # 12 of the upper left quarter's 16 pixels
    assert small_maps([fine], 2).tolist() == [[[round(0.75 * 255), 0], [0, 0]]]


def test_a_mask_lies_under_the_photos_path_whatever_its_ending(tmp_path: Path) -> None:
    write_png(tmp_path / "a" / "b.png", np.full((2, 3), 51, np.uint8))
    found = read_mask(tmp_path, "a/b.JPEG", MIB)
    assert (found.shape, found.dtype) == ((2, 3), np.float32)
    np.testing.assert_allclose(found, 0.2, atol=1e-6)


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        ("a/absent.jpg", "holds no a/absent.png"),
        ("../b.jpg", "leads out"),
        ("/etc/b.jpg", "leads out"),
        ("broken.jpg", "format-not-allowed"),
        ("large.jpg", "larger than 50 bytes"),
    ],
)
def test_a_mask_that_cannot_be_had_is_a_fault_of_the_photo(tmp_path: Path, photo: str, words: str) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "large.png").write_bytes(b"\0" * 51)
    with pytest.raises(ImageFault, match=words):
        read_mask(tmp_path, photo, 50)
