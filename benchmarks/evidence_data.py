"""The folders of `evidence`: shards with masks of several kinds, and test sets by `maskgen challenge`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shortcut_photos import PLACES, compose, write_mask, write_photo

from maskgen.io.atomic import write_atomic

TRUE = "true"
"""The masks that the synthetic photos were composed with."""
QUALITY = "quality.json"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of all there is, and where synthetic objects lie.

    Args:
        train: synthetic training photos.
        test: synthetic test photos, each in all variants.
        side: of a synthetic photo, px.
        place: of the objects in them, one of `PLACES`.
        per_class: real training photos of each class.
        test_per_class: real test photos of each class.
    """

    train: int = 3000
    test: int = 800
    side: int = 96
    place: str = "anywhere"
    per_class: int = 120
    test_per_class: int = 40


SMALL = Size(train=48, test=24, side=48, per_class=6, test_per_class=4)
"""Shows that all of it runs."""


def make_shortcut(work: Path, size: Size, methods: Sequence[str], weights: Path | None) -> dict[str, Path]:
    """Synthetic photos whose backgrounds give their class away, see `shortcut_photos`.

    Args:
        work: folder of them.
        size: of the sets.
        methods: mask methods of the training photos beside the true masks.
        weights: of U²-Net-p.

    Returns:
        The places of the experiment's file by name.
    """
    _once(work / "photos", lambda: _compose(work / "photos", size))
    train, test = work / "photos" / "train", work / "photos" / "test"
    shards = {TRUE: work / "shards" / TRUE} | {name: work / "shards" / name for name in methods}
    test_shards = work / "shards" / "test"
    make_shards(test / "photos", test_shards, TRUE, None, "--masks", test / "truth")
    make_challenge(test_shards, work / "challenge", size.side)
    for name, place in shards.items():
        given = ("--masks", train / "truth") if name == TRUE else ()
        make_shards(train / "photos", place, name, weights, *given, "--background", "tiled")
    quality = {name: measure_masks(place, train / "truth") for name, place in shards.items()}
    write_atomic(work / QUALITY, (json.dumps(quality, indent=1) + "\n").encode())
    places = {f"shards-{name}": place for name, place in shards.items()}
    return places | {"photos": train / "photos", "challenge": work / "challenge"}


def make_photos(
    work: Path, size: Size, source: Path, methods: Sequence[str], weights: Path | None
) -> dict[str, Path]:
    """Real photos: some of each class of a folder with ``train/CLASS`` and Tiny ImageNet's ``val``.

    Args:
        work: folder of the sets.
        size: of them.
        source: of the photos.
        methods: mask methods; the first one's masks make the test sets, as there are no true ones.
        weights: of U²-Net-p.

    Returns:
        As `make_shortcut`.
    """
    _once(work / "photos", lambda: _take(work / "photos", size, source))
    train, test = work / "photos" / "train", work / "photos" / "test"
    shards = {name: work / "shards" / name for name in methods}
    for name, place in shards.items():
        make_shards(train, place, name, weights, "--background", "tiled")
    make_shards(test, work / "shards" / "test", methods[0], weights)
    make_challenge(work / "shards" / "test", work / "challenge", 64)
    places = {f"shards-{name}": place for name, place in shards.items()}
    return places | {"photos": train, "challenge": work / "challenge"}


def _compose(folder: Path, size: Size) -> None:
    for split, count in (("train", size.train), ("test", size.test)):
        scenes = compose(count, size.side, train=split == "train", seed=0, place=PLACES[size.place])
        for number, scene in enumerate(scenes):
            name = f"{scene.label:02d}/{number:06d}"
            write_photo(folder / split / "photos" / f"{name}.jpg", scene.image)
            write_mask(folder / split / "truth" / f"{name}.png", scene.mask)


def _take(folder: Path, size: Size, source: Path) -> None:
    """The first photos of each class by name, as they lie there."""
    classes = sorted(entry.name for entry in (source / "train").iterdir() if entry.is_dir())
    for label in classes:
        found = sorted((source / "train" / label).rglob("*.JPEG"))[: size.per_class]
        _copy(found, folder / "train" / label)
    lines = (source / "val" / "val_annotations.txt").read_text().splitlines()
    labels = dict(line.split("\t")[:2] for line in lines)
    for label in classes:
        names = sorted(name for name, one in labels.items() if one == label)
        found = [path for name in names if (path := source / "val" / "images" / name).exists()]
        _copy(found[: size.test_per_class], folder / "test" / label)


def _copy(paths: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copy(path, folder / path.name)


def _once(folder: Path, make: Any) -> None:
    mark = folder.with_suffix(".done")
    if not mark.exists():
        make()
        mark.touch()


def make_shards(photos: Path, shards: Path, method: str, weights: Path | None, *more: str | Path) -> None:
    """What a user types; a cut run goes on."""
    words = ["--dataset", "folder", "--labels", "folder", "--input", photos, "--output", shards]
    words += ["--method", "files" if method == TRUE else method, "--workers", "1"]
    words += ["--weights", weights] if method == "u2netp" and weights is not None else []
    maskgen("run", *words, *more)


def make_challenge(shards: Path, folder: Path, side: int) -> None:
    """The test sets, from shards of test photos."""
    if not (folder / "challenge.json").exists():
        maskgen("challenge", shards, folder, "--side", str(side), "--write", "folders", "--workers", "1")


def measure_masks(shards: Path, truth: Path) -> dict[str, float]:
    """Mean figures of `maskgen eval`: of shards' masks against the true ones."""
    return dict(json.loads(maskgen("eval", "--masks", shards, "--truth", truth, "--json")))


def maskgen(*words: str | Path) -> str:
    """Run a command; what it prints."""
    command = [sys.executable, "-m", "maskgen", *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ)
    return done.stdout


def read_masks(folder: Path, count: int) -> NDArray[np.bool_]:
    """(N, H, W) about `count` masks from all over a folder, all of one size."""
    from PIL import Image

    paths = sorted(folder.rglob("*.png"))
    paths = paths[:: max(1, len(paths) // count)]
    return np.stack([np.asarray(Image.open(path)) >= 128 for path in paths])
