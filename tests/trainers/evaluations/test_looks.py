"""Looks while training: a damaged image ends them, or does not count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.errors import ShardFault
from maskgen.trainers.datasets.masked import Masked, MaskedImages
from maskgen.trainers.evaluations.background_monitor import BackgroundMonitor
from maskgen.trainers.evaluations.looks import means_by_name, without_damaged
from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import find_preset
from maskgen.trainers.settings import Settings

DAMAGED = 3


def read(number: int) -> Masked:
    rng = np.random.default_rng(number)
    mask = np.zeros((40, 40), np.bool_)
    mask[10:30, 10:25] = True
    return rng.integers(0, 256, (40, 40, 3)).astype(np.uint8), mask


def read_damaged(number: int) -> Masked:
    if number == DAMAGED:
        raise ShardFault("a photo does not decode", remedy="make its shard again")
    return read(number)


def read_empty(number: int) -> Masked:
    photo, mask = read(number)
    return photo, mask & (number != DAMAGED)


def test_a_damaged_photo_counts_as_one_without_an_object_or_ends_the_look() -> None:
    method = METHODS["simclr"](find_preset("simclr", "smoke"))

    def look(reader: object, on_error: str) -> dict[str, float]:
        images = MaskedImages(7, "", reader, str)  # type: ignore[arg-type]
        settings = Settings(data="", output=Path("unused"), on_error=on_error)
        return BackgroundMonitor(images, 32, settings, torch.device("cpu")).measure(method)

    skipped = look(read_damaged, "skip")
    assert skipped == pytest.approx(look(read_empty, "raise"), abs=1e-6)
    assert skipped != look(read, "raise")
    with pytest.raises(ShardFault, match="a photo does not decode"):
        look(read_damaged, "raise")


def test_a_blank_has_no_foreground() -> None:
    settings = Settings(data="", output=Path("unused"), on_error="skip")
    images = without_damaged(MaskedImages(7, "", read_damaged, str), 16, settings)
    photo, mask = images.read(DAMAGED)
    assert (photo.shape, mask.shape, bool(mask.any())) == ((16, 16, 3), (16, 16), False)
    assert (images.read(0)[0] == read(0)[0]).all()


def test_a_mean_is_over_the_images_that_have_the_score() -> None:
    scores = torch.tensor([[1.0, torch.nan], [4.0, torch.nan], [torch.nan, torch.nan]], dtype=torch.float64)
    assert means_by_name(("one", "none"), scores) == {"one": 2.5}
