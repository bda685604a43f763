"""The folders of `background_shortcut`: shards made by `maskgen run`, and the test sets."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from shortcut_photos import Scene, compose, variants, write_mask, write_photo

from maskgen.io.images.decode import Limits, decode
from maskgen.loaders import open_dataset
from maskgen.loaders.reading.samples import SampleReader
from maskgen.shards import naming
from maskgen.shards.sample import hard_mask
from maskgen.trainers.data.shards import read_labels

_LIMITS = Limits(max_bytes=1 << 24, max_pixels=1 << 24, max_side=1 << 12)


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
    write_tests(work / "test", list(compose(facts["test"], facts["side"], train=False, seed=0)))


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
    write_tests(work / "test", scenes_of(work / "val-shards"))


def stage_one(photos: Path, shards: Path, method: str) -> None:
    """What a user types; a cut run goes on."""
    place = ("--dataset", "folder", "--labels", "folder", "--input", photos, "--output", shards)
    subprocess.run(_maskgen("run", *place, "--method", method, "--background", "tiled"), check=True)


def _maskgen(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "maskgen", *map(str, words)]


def scenes_of(shards: Path) -> list[Scene]:
    """The samples of labelled shards, taken apart by their own masks.

    Those without foreground are left out.
    """
    dataset = open_dataset(shards)
    reader, found = SampleReader(dataset, (naming.PHOTO, naming.MASK, naming.BACKGROUND)), []
    for sample, label in enumerate(read_labels(dataset).tolist()):
        image, background = (
            decode(reader.encoded(sample, ext).tobytes(), _LIMITS).image
            for ext in (naming.PHOTO, naming.BACKGROUND)
        )
        stored = cv2.imdecode(reader.encoded(sample, naming.MASK), cv2.IMREAD_GRAYSCALE)
        mask = hard_mask(np.asarray(stored, np.uint8), dataset.level, image.shape[:2])
        if mask.any():
            found.append(Scene(image, mask, background, label))
    reader.close()
    return found


def write_tests(folder: Path, scenes: Sequence[Scene]) -> None:
    """FOLDER/VARIANT/CLASS/NUMBER.jpg."""
    counts: dict[str, int] = {}
    for name, label, picture in variants(scenes, seed=0):
        counts[name] = counts.get(name, 0) + 1
        write_photo(folder / name / f"{label:02d}" / f"{counts[name]:06d}.jpg", picture)
