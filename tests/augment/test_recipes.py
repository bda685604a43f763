"""`Augment` against `TorchLoader`: the same photos, masks and backgrounds give the same batches."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_kit import draw_smooth_photos, fill_shards
from oracle.compare import same_batch
from PIL import Image

from maskgen.augment import Augment
from maskgen.errors import UsageError
from maskgen.io.images.stored import decode_photo
from maskgen.loaders.recipes.parts import Background, Corruption, Crop
from maskgen.loaders.recipes.published import RECIPES
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.torch.loader import TorchLoader
from maskgen.shards.patch import paste_background
from maskgen.types import Box

SIDE = 40
DONOR = Background(replace="donor", p=0.6)
VIEW = View(size=SIDE, crop=Crop(fg_min=0.2), background=DONOR, masks=True, weak=True, masked=True)
CASES = {
    "random": Recipe(views=(VIEW, VIEW)),
    "gray": Recipe(views=(View(size=SIDE, background=Background(replace="grey", p=0.5, softness=0.3)),)),
    "swaps": Recipe(views=(VIEW,), negative=Negative(view=View(size=SIDE), p=0.7)),
    "corrupted": Recipe(views=(VIEW, VIEW), corruption=Corruption(change="rotate", amount=40)),
}


Pictures = dict[tuple[str, str], Any]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("augment")
    draw_smooth_photos(folder)
    fill_shards(folder, ("full",))
    return folder / "full"


@pytest.fixture(scope="module")
def known(shards: Path) -> Pictures:
    """Every photo, mask and whole background, through tarfile."""
    found: Pictures = {}
    with tarfile.open(next(shards.glob("*.tar"))) as archive:
        for member in archive:
            key, _, ext = member.name.partition(".")
            data = archive.extractfile(member).read()  # type: ignore[union-attr]
            if ext in ("jpg", "bg.jpg"):
                found[key, ext] = decode_photo(data)
            elif ext == "mask.png":
                found[key, ext] = np.asarray(Image.open(io.BytesIO(data)))
            elif ext == "json":
                found[key, "bg_box"] = Box(*json.loads(data)["bg_box"])
    for key in {key for key, _ in found}:
        whole = paste_background(found[key, "jpg"], found[key, "bg.jpg"], found[key, "bg_box"])
        found[key, "bg.jpg"] = whole
    return found


def first_four(known: Pictures) -> tuple[list[Any], list[Any]]:
    keys = sorted({key for key, _ in known})[:4]
    return [known[key, "jpg"] for key in keys], [known[key, "mask.png"] for key in keys]


@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_loaders_batches(name: str, shards: Path, known: Pictures) -> None:
    recipe = CASES[name]
    augment = Augment(recipe, seed=5)
    replaced = 0
    for expected in TorchLoader(shards, 5, recipe=recipe, seed=5, tile=False):
        keys = expected["key"]
        photos, masks, behind = (
            [known.get((key, ext)) for key in keys] for ext in ("jpg", "mask.png", "bg.jpg")
        )
        made = augment(photos, masks, behind, samples=expected["sample"], labels=expected["label"].numpy())
        replaced += int((made["replaced"] > 0).sum())
        assert made["key"] == [str(number) for number in expected["sample"].tolist()]
        same_batch({**made, "key": keys}, expected)
    assert replaced >= 3


def test_another_epoch_and_seed_give_other_views_and_workers_the_same(known: Pictures) -> None:
    photos, masks = first_four(known)
    augment = Augment(CASES["gray"], seed=5, threads=2)
    first = augment(photos, masks, samples=range(4))["views"][0]
    pillows = [Image.fromarray(photo) for photo in photos]
    assert torch.equal(augment(pillows, masks, samples=range(4))["views"][0], first)
    sent = pickle.loads(pickle.dumps(augment))  # as DataLoader does
    assert torch.equal(sent(photos, masks, samples=range(4))["views"][0], first)
    assert not torch.equal(augment(photos, masks, samples=range(4), epoch=1)["views"][0], first)
    assert not torch.equal(Augment(CASES["gray"], seed=6)(photos, masks, samples=range(4))["views"][0], first)


def test_a_photo_without_a_background_of_its_own_lends_none(known: Pictures) -> None:
    photos, masks = first_four(known)
    behind = [None, np.full((50, 60, 3), 7, np.uint8), None, None]
    recipe = Recipe(views=(View(size=SIDE, background=Background(replace="donor", p=1.0), masks=True),))
    made = Augment(recipe, seed=1)(photos, masks, behind, samples=range(4))
    assert made["replaced"][:, 0].tolist() == [2, 0, 2, 2]  # nobody lends to row 1


def test_what_does_not_fit_is_refused() -> None:
    photo, mask = np.zeros((20, 30, 3), np.uint8), np.ones((20, 30), np.bool_)
    with pytest.raises(UsageError, match="none were given"):
        Augment("mocov2-bg-random")([photo], [mask], samples=[0])
    with pytest.raises(UsageError, match="2 photos, 1 masks"):
        Augment("mocov2")([photo, photo], [mask], samples=[0, 1])
    with pytest.raises(UsageError, match="how sure a mask is"):
        Augment(RECIPES["mocov2-bg-rm"].trusting(0.5))
    with pytest.raises(UsageError, match="threshold"):
        Augment("mocov2", threshold=0.0)
