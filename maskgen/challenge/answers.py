"""A classifier's answers on a challenge: read from a table, held against the photos, and scored."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.suggest import nearest
from ..errors import UsageError
from ..io.images.stored import decode_mask
from ..shards import manifest, naming, reader, sealed_json
from .folders import MASKS, SPLIT
from .noise import BACKGROUND, FOREGROUND
from .pairs import METADATA, PAIRS, SPLITS
from .report import PHOTOS, REPORT
from .scores import background_gap, delta_saliency_density, relative_foreground_sensitivity, worst_group
from .shard_sets import FOLDER

COLUMNS = ("variant", "key", "answer")
_HELP = "a table with the columns variant, key and answer, a line for each picture"


@dataclass(frozen=True, slots=True, eq=False)
class Challenge:
    """A finished challenge.

    Args:
        folder: of it.
        variants: of every photo.
        labels: of the photos, by key.
        classes: labels by what a class may be called: its folder, or else its number.
    """

    folder: Path
    variants: tuple[str, ...]
    labels: Mapping[str, int]
    classes: Mapping[str, int]

    @classmethod
    def open(cls, folder: Path) -> Challenge:
        """The challenge in a folder.

        Raises:
            UsageError: there is none, or it is not finished.
            ShardFault: it is damaged.
        """
        if not (folder / REPORT).is_file():
            raise UsageError(
                "the folder holds no finished challenge",
                where=str(folder),
                cause=f"there is no {REPORT}",
                remedy="give the folder that maskgen challenge made; where it was stopped, run it again",
            )
        facts = sealed_json.read(folder / REPORT)
        with (folder / PHOTOS).open(newline="") as file:
            labels = {row["key"]: int(row["label"]) for row in csv.DictReader(file) if not row["left_out"]}
        names = {str(one["label"]): one["label"] for one in facts["classes"]}
        names |= {one["folder"]: one["label"] for one in facts["classes"]}
        return cls(folder, tuple(facts["variants"]), labels, names)

    def masks(self) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Key and (S, S) bool mask of each photo.

        Raises:
            ShardFault: a shard is damaged.
        """
        if (self.folder / MASKS).is_dir():
            for path in sorted((self.folder / MASKS / SPLIT).glob("*/*.npy")):
                yield path.stem, np.load(path, allow_pickle=False) > 0
            return
        place = self.folder / FOLDER / self.variants[0]
        for record in manifest.read(place).shards:
            for sample in reader.read_samples(place, record, (naming.MASK,)):
                yield sample.key, decode_mask(sample.members[naming.MASK]) > 0


def read_answers(path: Path, challenge: Challenge) -> dict[str, dict[str, bool]]:
    """Whether each answer is right, by variant and key.

    Args:
        path: a CSV with the columns ``variant``, ``key`` and ``answer``: the name of a class's folder, or its
            number; any other answer is wrong.
        challenge: that was answered.

    Raises:
        UsageError: no such table, a variant or a photo that the challenge does not have, two answers, or a
            variant of which answers are missing.
    """
    found: dict[str, dict[str, bool]] = {}
    known = (*challenge.variants, PAIRS)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark before UTF-8
            table = csv.DictReader(file)
            if not set(COLUMNS) <= set(table.fieldnames or ()):
                raise UsageError("no table of answers", where=str(path), remedy=f"give {_HELP}")
            for row in table:
                variant, key, answer = (row[name] or "" for name in COLUMNS)
                where = f"{path}:{table.line_num}"
                if variant not in known:
                    raise UsageError(f"no variant {variant!r}", where=where, remedy=nearest(variant, known))
                if key not in challenge.labels:
                    raise UsageError(
                        f"no photo {key!r} in the challenge", where=where, remedy=f"{PHOTOS} lists the keys"
                    )
                if key in found.setdefault(variant, {}):
                    raise UsageError(
                        f"two answers to {key} of {variant}", where=where, remedy="leave one out"
                    )
                found[variant][key] = challenge.classes.get(answer) == challenge.labels[key]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            "cannot read the answers", where=str(path), cause=str(error), remedy=_HELP
        ) from error
    for variant, answers in found.items():
        missing = challenge.labels.keys() - answers.keys() if variant != PAIRS else ()
        if missing:
            raise UsageError(
                f"{len(missing)} of {len(challenge.labels)} photos have no answer in {variant}",
                where=min(missing),
                remedy="answer all pictures of a variant, or none",
            )
    if not found:
        raise UsageError("the table of answers is empty", where=str(path), remedy=f"give {_HELP}")
    return found


def score(challenge: Challenge, answers: Mapping[str, Mapping[str, bool]]) -> dict[str, Any]:
    """All scores that the answers allow.

    Args:
        challenge: that was answered.
        answers: from `read_answers`.

    Returns:
        ``accuracy``: shares by variant; ``background_gap`` with both mixed variants; ``rfs`` with noisy ones,
        of the mean accuracies over their trials; ``groups`` and ``worst_group`` of the pairs' test split.
    """
    accuracy = {
        name: float(np.mean(list(answers[name].values()))) for name in challenge.variants if name in answers
    }
    found: dict[str, Any] = {"accuracy": accuracy}
    if {"mixed_same", "mixed_rand"} <= accuracy.keys():
        found["background_gap"] = background_gap(accuracy["mixed_same"], accuracy["mixed_rand"])
    noisy = [
        [share for name, share in accuracy.items() if name.startswith(kind)]
        for kind in (BACKGROUND, FOREGROUND)
    ]
    if all(noisy):
        found["rfs"] = relative_foreground_sensitivity(*(float(np.mean(shares)) for shares in noisy))
    if PAIRS in answers:
        found |= _score_pairs(challenge, answers[PAIRS])
    return found


def _score_pairs(challenge: Challenge, answers: Mapping[str, bool]) -> dict[str, Any]:
    groups: dict[str, str] = {}
    with (challenge.folder / PAIRS / METADATA).open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == str(SPLITS.index("test")):
                groups[Path(row["img_filename"]).stem] = f"class {row['y']} on {row['place']}"
    if missing := groups.keys() - answers.keys():
        raise UsageError(
            f"{len(missing)} of {len(groups)} test pictures have no answer in {PAIRS}",
            where=min(missing),
            remedy=f"answer those of split {SPLITS.index('test')} in {PAIRS}/{METADATA}",
        )
    right = [answers[key] for key in groups]
    shares = {
        name: float(np.mean([answers[key] for key, group in groups.items() if group == name]))
        for name in sorted(set(groups.values()))
    }
    return {"groups": shares, "worst_group": worst_group(right, list(groups.values()))}


def score_maps(challenge: Challenge, folder: Path) -> dict[str, Any]:
    """The mean delta saliency density of the saliency maps of all photos.

    Args:
        challenge: whose photos the maps are of.
        folder: a map for each photo, KEY.npy, (h, w) numbers of any size; resized bilinearly to the mask.

    Raises:
        UsageError: a map is missing or is no (h, w) array of finite numbers.
    """
    densities = []
    for key, mask in challenge.masks():
        size = (mask.shape[1], mask.shape[0])
        resized = cv2.resize(_read_map(folder / f"{key}.npy"), size, interpolation=cv2.INTER_LINEAR)
        densities.append(delta_saliency_density(resized, mask))
    return {"delta_saliency_density": float(np.mean(densities)), "maps": len(densities)}


def _read_map(path: Path) -> NDArray[np.float32]:
    cause = "not an (h, w) array of finite numbers"
    try:
        saliency = np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError, TypeError) as error:
        cause, saliency = str(error), np.zeros(0, np.float32)
    if saliency.ndim != 2 or not saliency.size or not np.isfinite(saliency).all():
        raise UsageError(
            "no saliency map", where=str(path), cause=cause, remedy="give KEY.npy, (h, w), for every photo"
        )
    return saliency
