"""A student judged by the photos held back: how near its masks are to its teachers', and how much faster.

Nearness to the teachers is not truth: where they are wrong, a student may be right against them.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault, MaskgenError
from maskgen.methods import MethodOptions, make_method
from maskgen.types import ByteRef, Method

from ..data import photos, priors
from ..data.photos import Drawn, Opened, configs
from ..data.teachers import overlaps
from ..settings.settings import Settings
from ..settings.teachers import FILES
from ..training.phase import network_path
from ..training.schedule import FUSION
from ..work_folder import Facts, WorkFolder

JUDGED = "judged"
SHOWN = 12
"""Worst photos that are named."""
TIMED = 5
"""Photos that each method is timed on, after one that is not counted."""


def judge(work: WorkFolder, settings: Settings, min_iou: float = 0.0) -> Facts:
    """Compare a finished student with its teachers on the photos held back, and keep the result.

    Args:
        work: a training whose fusion is done.
        settings: of it.
        min_iou: the least mean IoU with the teachers' mean that is good enough.

    Returns:
        ``iou``, the mean; ``photos``, how many; ``worst``, the photos of least IoU; ``teachers``, each one's
        own IoU with the student; ``seconds``, of each method a photo, and ``times``, how many times faster
        the student is than all of them together. Empty where no photo was held back.

    Raises:
        MaskgenError: the student is not good enough.
        ShardFault: an array is damaged.
    """
    held = (work.record(priors.RECORD) or {})["held"]
    found = work.record(JUDGED)
    if found is None:
        found = _measure(work, settings, held)
        work.commit(JUDGED, found)
    if held and found["iou"] < min_iou:
        raise MaskgenError(
            f"the student's masks overlap with its teachers' by {found['iou']:.3f} only, --min-iou asks for "
            f"{min_iou}",
            where=str(work.root),
            cause=f"of {len(held)} photos held back; the worst: "
            + ", ".join(one["path"] for one in found["worst"][:3]),
            remedy="look at the report's worst photos; more photos or epochs (--set fusion.epochs=...) help",
        )
    return found


def _measure(work: WorkFolder, settings: Settings, held: list[int]) -> Facts:
    if not held:
        return {"done": True}
    network = _student(work, settings)
    record = work.record(photos.RECORD) or {}
    count = len(record["photos"])
    pictures = work.store.read(photos.ARRAY)[held]
    maps = priors.stack_maps(work, settings.preset.priors, count)[held]
    masks = np.stack([_levels(network(np.ascontiguousarray(one))) for one in pictures])
    values = overlaps(maps.mean(axis=1), masks)
    each = {
        name: float(overlaps(maps[:, number], masks).mean())
        for number, name in enumerate(settings.preset.priors)
    }
    order = np.argsort(values, kind="stable")
    worst = [
        {
            "path": record["photos"][held[row]]["path"],
            "number": held[row],
            "iou": round(float(values[row]), 4),
        }
        for row in order[:SHOWN]
    ]
    facts = {"iou": float(values.mean()), "photos": len(held), "worst": worst, "teachers": each}
    return {"done": True, **facts, **_times(settings, network, [record["photos"][number] for number in held])}


def _student(work: WorkFolder, settings: Settings) -> Method:
    options = MethodOptions(weights=str(network_path(work, FUSION)), refine="none")
    return make_method(settings.method, options)


def _levels(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(mask * 255), np.uint8)


def _times(settings: Settings, student: Method, listed: list[Facts]) -> Facts:
    """Seconds a photo of the student and of each teacher, one after the other in this process."""
    opened = Opened(configs(settings.inputs, settings.dataset, settings.split))
    images = []
    for one in listed[: TIMED + 1]:
        photo = Drawn(one["input"], one["path"], ByteRef(**one["ref"]))
        try:
            images.append(opened.again(photo, one["sha256"]))
        except ImageFault:
            continue
    if len(images) < 2:
        return {}
    seconds = {"student": _seconds(student, images)}
    for teacher in settings.teachers:
        if teacher.method != FILES:
            seconds[teacher.name] = _seconds(make_method(teacher.method, teacher.options), images)
    slow = sum(value for name, value in seconds.items() if name != "student")
    return {"seconds": seconds, "times": slow / seconds["student"]} if slow else {"seconds": seconds}


def _seconds(method: Method, images: list[NDArray[np.uint8]]) -> float:
    method(images[0])
    begun = time.perf_counter()
    for image in images[1:]:
        method(image)
    return (time.perf_counter() - begun) / (len(images) - 1)
