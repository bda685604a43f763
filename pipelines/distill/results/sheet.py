"""What a training has made of its own photos: a contact sheet, and how far the labels of its priors agree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskgen.drawing.contact_sheet import Row, gray_picture, overlay, render_sheet
from maskgen.methods import METHODS, MethodOptions, make_method
from maskgen.types import RGB, Method

from ..data import photos, priors
from ..settings.settings import Settings
from ..status import fusion, rounds
from ..training.phase import network_path
from ..training.schedule import FUSION, labels_after, labels_of
from ..work_folder import WorkFolder

AGREED_OVER = 200  # photos, spread over all
_NAME = 22  # characters under a row


def spread(kept: Sequence[int], count: int) -> list[int]:
    """At most `count` of the numbers, at equal distances."""
    places = np.unique(np.linspace(0, len(kept) - 1, min(count, len(kept))).round().astype(int))
    return [kept[place] for place in places]


def draw_sheet(work: WorkFolder, settings: Settings, chosen: Sequence[int]) -> bytes:
    """Photo | each prior | its last labels | the network's mask | overlay, as a JPEG's bytes.

    Args:
        work: a training whose priors are done.
        settings: of it.
        chosen: numbers of the photos in the store.

    Raises:
        ShardFault: an array is damaged.
    """
    record = work.record(photos.RECORD) or {}
    columns = _maps(work, settings)
    finished = work.is_done(fusion(work, settings).name)
    titles = ["photo", *columns, *([settings.method, "overlay"] if finished else [])]
    method = network_of(work, settings) if finished else None
    rows = []
    for number in chosen:
        photo: RGB = np.ascontiguousarray(work.store.read(photos.ARRAY, number, number + 1)[0])
        pictures = [photo]
        for name in columns.values():
            at = _row_of(work, name, number)
            pictures.append(gray_picture(work.store.read(name, at, at + 1)[0]))
        if method is not None:
            mask = method(photo)
            pictures += [
                gray_picture(np.rint(mask * 255).astype(np.uint8)),
                overlay(photo, mask >= METHODS[settings.method].threshold),
            ]
        rows.append(Row(record["photos"][number]["path"].rpartition("/")[2][:_NAME], tuple(pictures)))
    return render_sheet(rows, titles, ".jpg")


def network_of(work: WorkFolder, settings: Settings) -> Method:
    """The finished network, on a CPU by torch, without a refinement."""
    weights = str(network_path(work, FUSION))
    return make_method(settings.method, MethodOptions(weights=weights, runtime="torch", refine="none"))


def _maps(work: WorkFolder, settings: Settings) -> dict[str, str]:
    """Titles and arrays of what there is to show: each prior, and the labels of its last finished round."""
    found = {}
    finished = _finished(work, settings)
    for prior in settings.preset.priors:
        found[prior] = priors.array_of(prior)
        if settings.preset.taught:
            continue  # labels are the teachers' maps themselves, and photos held back have none
        for number in range(len(settings.preset.rounds), 0, -1):
            array = labels_of(settings.preset, prior, number)
            if array in finished:
                found[f"{prior} round {number}"] = array
                break
    return found


def _finished(work: WorkFolder, settings: Settings) -> set[str]:
    """The label arrays that finished rounds have left."""
    return {
        array
        for training in rounds(work, settings)
        if work.is_done(training.name)
        for array in training.leaves
    }


def _row_of(work: WorkFolder, name: str, number: int) -> int:
    """Labels have a row for each kept photo, priors one for every photo."""
    if name.startswith("priors/"):
        return number
    kept: list[int] = (work.record(priors.RECORD) or {})["kept"]
    return kept.index(number)


def agreement(work: WorkFolder, settings: Settings) -> list[tuple[int, float]]:
    """How far the priors' labels agree after each round, 0 being the cut priors themselves.

    Returns:
        (round, mean IoU over all pairs of priors and over photos) for each round that every prior has
        finished.

    Raises:
        ShardFault: an array is damaged.
    """
    record = work.record(priors.RECORD) or {}
    names = settings.preset.priors
    if len(names) < 2:
        return []
    chosen = spread(record["kept"], AGREED_OVER)
    finished = _finished(work, settings)
    found = []
    for number in range(len(settings.preset.rounds) + 1):
        arrays, cuts = labels_after(settings.preset, names, number, record["means"])
        if number and not all(name in finished for name in arrays):
            break
        masks = [
            np.stack([_picked(work, array, at) for at in chosen]) > 255 * cut
            for array, cut in zip(arrays, cuts, strict=True)
        ]
        pairs = [mean_iou(one, other) for one, other in itertools.combinations(masks, 2)]
        found.append((number, float(np.mean(pairs))))
    return found


def _picked(work: WorkFolder, name: str, number: int) -> NDArray[np.uint8]:
    at = _row_of(work, name, number)
    return np.asarray(work.store.read(name, at, at + 1)[0], np.uint8)


def mean_iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Mean over images of two (N, H, W) masks' intersection over union; 1 where both are empty."""
    both = (one & other).sum(axis=(1, 2))
    either = (one | other).sum(axis=(1, 2))
    return float(np.where(either == 0, 1.0, both / np.maximum(either, 1)).mean())
