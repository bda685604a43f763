"""Every mask has a path of its own, which depends on the photos' paths alone."""

from __future__ import annotations

import itertools

import pytest

from maskgen.pipelines.masks.names import name_masks


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        (["a.jpg", "b.jpeg"], ["a.png", "b.png"]),
        (["a.png"], ["a.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        (["x/a.jpg", "y/a.jpg"], ["x/a.png", "y/a.png"]),
        (["v1.0/photo", "a"], ["v1.0/photo.png", "a.png"]),
        (["a.JPG", "a.jpg"], ["a.JPG.png", "a.jpg.png"]),
        (["a.jpg", "a.png", "a.jpg.webp"], ["a.jpg.png", "a.png.png", "a.jpg.webp.png"]),
    ],
)
def test_masks_are_named_after_their_photos(photos: list[str], masks: list[str]) -> None:
    assert name_masks(photos) == masks


def test_no_two_of_any_photos_share_a_mask_and_the_order_does_not_matter() -> None:
    endings = ["", ".jpg", ".png", ".jpg.png", ".png.jpg", ".png.png", ".png.png.jpg"]
    for count in range(1, len(endings) + 1):
        for chosen in itertools.combinations(endings, count):
            photos = [f"a{ending}" for ending in chosen]
            masks = name_masks(photos)
            assert len(set(masks)) == count
            assert sorted(name_masks(photos[::-1])) == sorted(masks)
