"""The folders of `background_shortcut`: shards made by `maskgen run`, and the test sets."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from shortcut_photos import Scene, compose, write_mask, write_photo

from maskgen.challenge.donors import Donors
from maskgen.challenge.variants import VARIANTS, render, take_apart

SIDE = 64
"""Of Tiny ImageNet's photos, px."""


def synthetic(work: Path, facts: dict[str, Any]) -> None:
    """Photos with their true masks, their shards, and test sets made with true masks.

    Prints how good the masks are.
    """
    photos, truth, shards = work / "photos", work / "truth", work / "shards"
    if not (work / "photos.done").exists():
        for number, scene in enumerate(compose(facts["train"], facts["side"], train=True, seed=0)):
            name = f"{scene.label:02d}/{number:06d}"
            write_photo(photos / f"{name}.jpg", scene.image)
            write_mask(truth / f"{name}.png", scene.mask)
        (work / "photos.done").touch()
    stage_one(photos, shards, facts["method"])
    subprocess.run(_maskgen("eval", "--masks", shards, "--truth", truth), check=True)
    scenes = list(compose(facts["test"], facts["side"], train=False, seed=0))
    write_tests(work / "test", scenes, facts["side"])


def real(work: Path, facts: dict[str, Any]) -> None:
    """Shards of train/CLASS.

    And test sets of the photos of the same classes in val, made with stage one's masks.
    """
    source, val = facts["input"], work / "val"
    classes = sorted(entry.name for entry in (source / "train").iterdir() if entry.is_dir())
    for line in (source / "val" / "val_annotations.txt").read_text().splitlines():
        name, label = line.split("\t")[:2]
        photo = source / "val" / "images" / name
        if label in classes and photo.exists():
            (val / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, val / label)
    stage_one(source / "train", work / "shards", facts["method"])
    stage_one(val, work / "val-shards", facts["method"])
    how = ("--side", str(SIDE), "--write", "folders")
    subprocess.run(_maskgen("challenge", work / "val-shards", work / "test", *how), check=True)


def stage_one(photos: Path, shards: Path, method: str) -> None:
    """What a user types; a cut run goes on."""
    place = ("--dataset", "folder", "--labels", "folder", "--input", photos, "--output", shards)
    subprocess.run(_maskgen("run", *place, "--method", method, "--background", "tiled"), check=True)


def _maskgen(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "maskgen", *map(str, words)]


def write_tests(folder: Path, scenes: Sequence[Scene], side: int) -> None:
    """FOLDER/VARIANT/val/CLASS/NUMBER.jpg: what `maskgen challenge` makes, with the true masks."""
    apart = [take_apart(one.image, np.where(one.mask, 255, 0).astype(np.uint8), 128, side) for one in scenes]
    labels = {number: one.label for number, one in enumerate(scenes)}
    donors = Donors({number: f"{number:06d}" for number in labels}, labels, seed=0)
    for number, scene in enumerate(apart):
        mixed = {name: apart[donor].background for name, donor in donors.mixed(number).items()}
        for variant in VARIANTS:
            path = folder / variant / "val" / f"{labels[number]:02d}" / f"{number:06d}.jpg"
            write_photo(path, render(variant, scene, mixed.get(variant)))
