"""The challenge of ImageNet-9: is a foreground known before every background that there is?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.images import Pixels, center_crop
from maskgen.trainers.datasets.public.picture import read_picture

from ..frozen import write_result
from ..parts import Parts, Say
from .classes import HeadClasses
from .classifier import PARTS, Classifier, report
from .sets.kinds import KINDS
from .sets.pictures import Pictures
from .sets.scenes import IN9_LAYOUT, in9_groups

_CHUNK = 25
"""Foregrounds in a part that is kept."""


@dataclass(frozen=True, eq=False)
class Foregrounds:
    """Photos with the masks of their foregrounds, and backgrounds for them.

    Args:
        photos: N of them.
        masks: their files.
        backgrounds: M of them.
        labels: (N,) int64, classes.
        groups: (C,) int64, the class of each output of the head; -1: none.
    """

    photos: Pictures
    masks: Sequence[Path]
    backgrounds: Pictures
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    @classmethod
    def open(cls, folder: Path, classes: HeadClasses, *, partial: bool) -> Foregrounds:
        """Those of ImageNet-9, or of a challenge that `maskgen challenge` made in folders.

        Raises:
            UsageError: photos, masks or backgrounds are not there, or not all.
        """
        found = Pictures.below(folder / "original" / "val")
        masks = [folder / "fg_mask" / "val" / path.with_suffix(".npy") for path in found.paths]
        rows = [row for row, mask in enumerate(masks) if mask.is_file()]
        backgrounds = Pictures.below(folder / "only_bg_t" / "val")
        whole = len(rows) == len(backgrounds) == IN9_LAYOUT.pictures
        if not rows or not len(backgrounds) or not (whole or partial):
            raise UsageError(
                f"the challenge has {len(rows):,} photos with masks and {len(backgrounds):,} backgrounds",
                where=str(folder),
                cause="another folder, or a download or an unpacking that ended early",
                remedy="give ImageNet-9's folder, which holds original/val, fg_mask/val and only_bg_t/val "
                "with 4,050 files each, or --partial to judge what there is",
            )
        photos = found.take(rows)
        labels, groups = in9_groups(photos, folder, classes)
        return cls(photos, [masks[row] for row in rows], backgrounds, labels, groups)

    @property
    def mark(self) -> str:
        """A digest of all of it."""
        marks = [one.images().fingerprint for one in (self.photos, self.backgrounds)]
        sizes = [mask.stat().st_size for mask in self.masks]
        return digest([marks, sizes, self.labels.tolist(), self.groups.tolist()])


def run_challenge(
    classifier: Classifier, foregrounds: Foregrounds, say: Say, stop: StopSignals | None
) -> dict[str, Any]:
    """The share of foregrounds that no background hides, in challenge.json.

    A foreground counts if the classifier knows it before every background, so the first that hides it is the
    last that is tried; which one is tried first changes nothing but the time.

    Source: Xiao, Engstrom, Ilyas, Madry: Noise or Signal, ICLR 2021, https://arxiv.org/abs/2006.09994,
    section 5, and https://github.com/MadryLab/backgrounds_challenge. No deviation.

    Args:
        classifier: which is judged.
        foregrounds: and backgrounds.
        say: told how far it is.
        stop: asked now and then.

    Returns:
        ``challenge`` from 0 to 1, how many foregrounds there are and how many are vulnerable.

    Raises:
        Interrupted: a signal asked for it; what is done is kept.
    """
    asked = {**classifier.facts(KINDS["in9"]), "data": foregrounds.mark}
    side = asked["side"]
    backgrounds = _pixels(foregrounds.backgrounds, side)
    count = len(foregrounds.photos)

    def verdicts(name: str) -> dict[str, NDArray[np.bool_]]:
        start = int(name.rpartition("-")[2])
        rows = range(start, min(start + _CHUNK, count))
        hidden = [is_vulnerable(classifier, foregrounds, row, backgrounds) for row in rows]
        return {"vulnerable": np.array(hidden)}

    names = [f"challenge-{start:04d}" for start in range(0, count, _CHUNK)]
    parts = Parts(classifier.config.output / PARTS, asked, lambda text: say(f"challenge: {text}"), stop)
    vulnerable = int(sum(part["vulnerable"].sum() for part in parts.compute(names, verdicts)))
    figures = {"challenge": 1 - vulnerable / count, "foregrounds": count, "vulnerable": vulnerable}
    write_result(classifier.config.output / "challenge.json", {**asked, "figures": figures})
    text = f"challenge: {figures['challenge']:.4g}, {vulnerable} of {count} foregrounds are vulnerable"
    report(say, text, stop)
    return figures


def is_vulnerable(classifier: Classifier, foregrounds: Foregrounds, row: int, backgrounds: Tensor) -> bool:
    """Whether any background makes the classifier miss a foreground.

    Args:
        classifier: which is judged.
        foregrounds: the photos and masks.
        row: which photo.
        backgrounds: (M, 3, S, S) uint8.
    """
    side = backgrounds.shape[-1]
    photo = _pixels(foregrounds.photos.take([row]), side)
    mask = torch.from_numpy(read_mask(foregrounds.masks[row], side))
    label = int(foregrounds.labels[row])
    for some in torch.split(backgrounds, classifier.config.batch_size):
        answers = classifier.logits(torch.where(mask, photo, some)).argmax(1).cpu().numpy()
        if (foregrounds.groups[answers] != label).any():
            return True
    return False


def read_mask(file: Path, side: int) -> NDArray[np.bool_]:
    """An .npy mask as (S, S) bool, its side changed to that of the network's input.

    Raises:
        UsageError: it is no mask.
    """
    try:
        mask = np.load(file, allow_pickle=False)
        whole = (mask > 0).astype(np.uint8)
        resized = cv2.resize(whole, (side, side), interpolation=cv2.INTER_NEAREST)
    except (OSError, ValueError, EOFError, TypeError, cv2.error) as error:
        raise UsageError(
            "cannot read a mask", where=str(file), cause=str(error), remedy="unpack the set again"
        ) from error
    return np.asarray(resized).reshape(side, side) > 0


def _pixels(pictures: Pictures, side: int) -> Tensor:
    """(N, 3, S, S) uint8; pictures of that side stay as they are."""

    def read(path: Path) -> Pixels:
        return center_crop(read_picture(path.read_bytes(), str(path)), side, 1.0)

    rows = [read(pictures.folder / path) for path in pictures.paths]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)
