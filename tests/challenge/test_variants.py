"""Each variant against what its definition says of single pixels, and real photos against each other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.challenge.variants import MIXED, VARIANTS, Scene, central_square, render, take_apart
from maskgen.types import Box

SCENE = Scene(
    image=np.arange(1, 28, dtype=np.uint8).reshape(3, 3, 3),
    mask=np.array([[0, 0, 0], [0, 1, 1], [0, 0, 0]], np.bool_),
    background=np.full((3, 3, 3), 99, np.uint8),
    box=Box(1, 0, 3, 3),
)


def test_every_variant_of_nine_pixels_by_hand() -> None:
    donor = np.full((3, 3, 3), 200, np.uint8)
    red = {name: render(name, SCENE, donor)[..., 0].tolist() for name in VARIANTS}
    assert red["original"] == [[1, 4, 7], [10, 13, 16], [19, 22, 25]]
    assert red["only_bg_b"] == [[1, 4, 7], [0, 0, 0], [0, 0, 0]]
    assert red["only_bg_t"] == [[99, 99, 99]] * 3
    assert red["no_fg"] == [[1, 4, 7], [10, 0, 0], [19, 22, 25]]
    assert red["only_fg"] == [[0, 0, 0], [0, 13, 16], [0, 0, 0]]
    for name in MIXED:
        assert red[name] == [[200, 200, 200], [200, 13, 16], [200, 200, 200]]
    assert SCENE.image[1, 1, 0] == 13  # nothing was painted into the photo itself


@pytest.mark.parametrize("variant", MIXED)
def test_a_mixed_variant_needs_a_background(variant: str) -> None:
    with pytest.raises(ValueError, match=f"{variant} needs a background"):
        render(variant, SCENE)


@pytest.mark.parametrize(
    ("size", "box"),
    [((4, 7), (0, 1, 4, 5)), ((7, 4), (1, 0, 5, 4)), ((5, 5), (0, 0, 5, 5)), ((1, 9), (0, 4, 1, 5))],
)
def test_the_square_lies_in_the_middle(size: tuple[int, int], box: tuple[int, ...]) -> None:
    assert central_square(size) == box


def test_the_same_square_is_cut_of_photo_mask_and_background() -> None:
    photo = np.zeros((60, 100, 3), np.uint8)
    photo[..., 0] = np.arange(100)  # each column says which it is
    stored = np.zeros((60, 100), np.uint8)
    stored[25:35, 45:60] = 255
    scene = take_apart(photo, stored, 128, 60)
    assert scene.image[0, :, 0].tolist() == list(range(20, 80))
    assert np.argwhere(scene.mask)[[0, -1]].tolist() == [[25, 25], [34, 39]]
    away = np.ones((60, 60), np.bool_)
    away[scene.box.y0 : scene.box.y1, scene.box.x0 : scene.box.x1] = False
    assert (scene.background[away] == scene.image[away]).all()
    assert away.any()
    assert not (away & scene.mask).any()


def test_at_another_side_the_box_covers_what_it_covered() -> None:
    photo = np.full((100, 160, 3), 60, np.uint8)
    stored = np.zeros((100, 160), np.uint8)
    stored[40:61, 70:93] = 255
    whole = take_apart(photo, stored, 128, 100)
    half = take_apart(photo, stored, 128, 50)
    assert half.image.shape == (50, 50, 3)
    assert half.mask.shape == (50, 50)
    assert half.box.y0 <= whole.box.y0 / 2 <= half.box.y0 + 1
    assert half.box.x1 - 1 <= whole.box.x1 / 2 <= half.box.x1
    assert abs(int(half.mask.sum()) - 21 * 23 / 4) <= 22


def test_a_box_outside_of_the_square_blackens_nothing() -> None:
    photo = np.full((40, 200, 3), 60, np.uint8)
    stored = np.zeros((40, 200), np.uint8)
    stored[10:20, 5:20] = 255
    scene = take_apart(photo, stored, 128, 40)
    assert scene.box == (0, 0, 0, 0)
    assert not scene.mask.any()
    assert (render("only_bg_b", scene) == 60).all()


def test_parts_of_a_real_photo_make_the_photo_again(shared_data: Path) -> None:
    folder = shared_data / "ecssd"
    photo = cv2.imread(str(folder / "images" / "0130.jpg"), cv2.IMREAD_COLOR_RGB)
    truth = cv2.imread(str(folder / "ground_truth_mask" / "0130.png"), cv2.IMREAD_GRAYSCALE)
    scene = take_apart(np.asarray(photo), np.asarray(truth), 128, 224)
    again = render("only_fg", scene).astype(int) + render("no_fg", scene)
    assert (again == scene.image).all()
    assert not render("only_fg", scene)[~scene.mask].any()
