"""The parts of a recipe: what each refuses, and what follows from what."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders.recipes.parts import (
    IMAGENET_MEAN,
    NO_PHOTOMETRIC,
    Background,
    Corruption,
    Crop,
    Photometric,
)
from maskgen.loaders.recipes.spec import Negative, Recipe, View


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (Crop, {"scale": (0.0, 1.0)}),
        (Crop, {"scale": (0.5, 0.2)}),
        (Crop, {"scale": (0.5, 1.1)}),
        (Crop, {"ratio": (0.0, 1.0)}),
        (Crop, {"ratio": (2.0, 1.0)}),
        (Crop, {"fg_min": -0.1}),
        (Crop, {"fg_min": nan}),
        (Crop, {"rule": "best"}),
        (Crop, {"rule": "phi"}),
        (Crop, {"rule": "overlap"}),
        (Crop, {"center": "mean"}),
        (Crop, {"overlap_of": -1}),
        (Crop, {"fg_within": 0}),
        (Crop, {"fg_min": 0.2, "fg_within": -1}),
        (Crop, {"overlap_of": 0, "overlap_min": 1.5}),
        (Crop, {"iou": (0, 0.5, 0.2)}),
        (Crop, {"iou": (-1, 0.0, 0.2)}),
        (Photometric, {"jitter": (0.4, 0.4, 0.4)}),
        (Photometric, {"jitter_mode": "pillow"}),
        (Photometric, {"jitter": (0.4, 0.4, 0.4, 0.6)}),
        (Photometric, {"jitter": (-0.4, 0.4, 0.4, 0.1)}),
        (Photometric, {"gray_p": 1.1}),
        (Photometric, {"blur_sigma": (0.0, 1.0)}),
        (Photometric, {"blur_sigma": (2.0, 1.0)}),
        (Photometric, {"solarize_threshold": 257}),
        (Photometric, {"auto_augment_p": 2.0}),
        (Background, {"replace": "white"}),
        (Background, {"p": 0.2}),
        (Background, {"replace": "grey", "p": 1.2}),
        (Background, {"gray": 2.0}),
        (Background, {"place": "within"}),
        (Background, {"min_area": -1.0}),
        (Background, {"softness": 1.01}),
        (Background, {"min_confidence": 1.01}),
        (View, {"size": 0}),
        (View, {"flip_p": -0.5}),
        (View, {"cam_masks": -7}),
        (View, {"masks_within": 1}),
        (View, {"masks": True, "masks_within": -1}),
        (View, {"size": 6, "cam_masks": 7}),
        (Negative, {"p": 1.5}),
        (Negative, {"view": View(background=Background(replace="grey", p=0.2))}),
        (Negative, {"count": 0}),
        (Negative, {"background_of": -1}),
        (Negative, {"formula": "literal"}),
        (Negative, {"view": View(kept=True)}),
        (Background, {"color": (0.0, 0.5, 1.5)}),
        (Background, {"gray": 0.0, "color": (0.0, 0.5, 1.0)}),
        (Crop, {"centered": 1.5}),
        (Crop, {"fg_min": 0.1, "centered": 0.875}),
        (Corruption, {"change": "melt"}),
        (Corruption, {"change": "rotate", "amount": 181.0}),
        (Corruption, {"change": "flip", "amount": 1.5}),
        (Corruption, {"change": "centred_rectangle", "amount": 1.1}),
        (Recipe, {"views": ()}),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(make: Any, values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"out of range") as error:
        make(**values)
    assert f"{make.__name__}({list(values)[-1]}" in str(error.value)


def test_the_rule_follows_from_the_other_fields() -> None:
    assert Crop().rule == "plain"
    assert Crop(fg_min=0.1).rule == "fg_min"
    assert Crop(overlap_of=0, fg_min=0.1).rule == "overlap"
    assert Crop(fg_min=0.2, rule="phi").rule == "phi"
    assert replace(Crop(fg_min=0.1), fg_min=0.2).rule == "fg_min"
    assert replace(Crop(fg_min=0.1), fg_min=0.0).rule == "fg_min", "which is the plain crop then"


def test_the_mean_color_becomes_zero_when_normalized() -> None:
    for value, mean, deviation in zip(
        IMAGENET_MEAN, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True
    ):
        assert abs(value / 255 - mean) / deviation <= 0.5 / 255 / deviation


def test_no_photometric_has_no_chance_of_anything() -> None:
    chain = NO_PHOTOMETRIC
    assert not any((chain.jitter_p, chain.gray_p, chain.blur_p, chain.solarize_p, chain.auto_augment_p))


def test_a_mistyped_word_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match="did you mean 'donor'"):
        Background(replace="donr", p=0.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="did you mean 'grey'"):
        Background(replace="gray", p=0.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="known: fg_min, overlap, phi, plain"):
        Crop(rule="zzz")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"see help\(Background\)"):
        Background(p=0.5)
