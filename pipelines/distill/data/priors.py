"""The second step: the maps of every photo that labels come from, computed once, in worker processes.

Priors, or a student's teachers. They look at the photo itself, not at the square; only the finished map is
resized to it, as in DeepUSPS.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault, UsageError
from maskgen.processes.supervisor import map_in_order
from maskgen.types import ByteRef

from ..progress import Pace, Report
from ..settings.presets import VOTE
from ..settings.settings import Settings
from ..store import rows_sha256
from ..work_folder import Facts, WorkFolder
from . import photos
from .photos import Drawn, Opened
from .teachers import TeacherMaps, least_overlaps, small_maps

if TYPE_CHECKING:
    from maskgen.methods.priors.scene import Scene

RECORD = "priors"
BATCH = 16  # photos between two commits
PART = 256  # photos that are looked at together


def array_of(prior: str) -> str:
    """Name of a prior's (N, S, S) uint8 maps in the store."""
    return f"priors/{prior}"


@dataclass
class Maps:
    """The task of this step: all maps of a photo, whose superpixels they share.

    Args:
        opened: reads the photos.
        priors: names of `SOURCES`.
        side: of the square, px.
        cut: whether each map is carried on by the photo's colors (`Preset.cut`).
    """

    opened: Opened
    priors: tuple[str, ...]
    side: int
    cut: bool = False

    def __call__(self, item: tuple[Drawn, str]) -> NDArray[np.uint8]:
        """(priors, side, side) uint8 0..255.

        Args:
            item: the photo, and the SHA-256 that its bytes had when it was drawn.

        Raises:
            ImageFault: it cannot be read any more, or has changed.
        """
        from maskgen.methods.priors.scene import prepare, restore

        image = self.opened.again(*item)
        scene = prepare(image)
        return small_maps([restore(scene, one) for one in _maps(scene, self.priors, self.cut)], self.side)


def _maps(scene: Scene, names: tuple[str, ...], cut: bool) -> list[NDArray[np.float64]]:
    """Maps of a scene, (h, w) each, at its own size; each prior is computed once."""
    from maskgen.methods.priors.dsr import dsr_map
    from maskgen.methods.priors.mc import mc_map
    from maskgen.methods.priors.mr import mr_map
    from maskgen.methods.priors.rbd import rbd_map
    from maskgen.methods.priors.vote import fuse

    methods = {"rbd": rbd_map, "mr": mr_map, "mc": mc_map, "dsr": dsr_map}
    needed = methods if VOTE in names else names
    raw = {name: methods[name](scene) for name in needed}
    shown = {name: fuse(scene.image, one[None]) if cut else one for name, one in raw.items()}
    if VOTE in names:
        shown[VOTE] = fuse(scene.image, np.stack(list(raw.values())))
    return [shown[name] for name in names]


@dataclass
class _Mapped:
    """What has been computed so far: rows in the store, and their record."""

    work: WorkFolder
    names: tuple[str, ...]
    shape: tuple[int, int, int]
    done: int = 0
    failed: list[Facts] = field(default_factory=list)
    waiting: list[NDArray[np.uint8]] = field(default_factory=list)
    hash: Any = field(default_factory=hashlib.sha256)

    def restore(self) -> None:
        """Go on from the last record, if the rows are what it says."""
        found = self.work.record(RECORD)
        for name in self.names:
            self.work.store.create(array_of(name), self.shape, np.uint8)
        if found is None:
            return
        rows = stack_maps(self.work, self.names, found["rows"])
        if rows_sha256(rows) == found["sha256"]:
            self.done, self.failed = found["rows"], found["failed"]
            self.hash.update(np.ascontiguousarray(rows).data)

    def add(self, path: str, answer: NDArray[np.uint8] | ImageFault) -> None:
        if isinstance(answer, ImageFault):
            number = self.done + len(self.waiting)
            self.failed.append({"number": number, "path": path, "why": str(answer)})
            answer = np.zeros((len(self.names), *self.shape[1:]), np.uint8)
        self.waiting.append(answer)

    def commit(self, **facts: Any) -> None:
        if self.waiting:
            rows = np.stack(self.waiting)
            for number, name in enumerate(self.names):
                self.work.store.write(array_of(name), self.done, rows[:, number])
            fresh = range(self.done, self.done + len(rows))
            self.hash.update(rows.data)
            self.done += len(rows)
            self.waiting.clear()
            for name in self.names:
                self.work.store.sync(array_of(name), fresh)
        record = {"rows": self.done, "failed": self.failed, "done": False, **facts}
        self.work.commit(RECORD, {**record, "sha256": self.hash.hexdigest()})


def stack_maps(work: WorkFolder, names: tuple[str, ...], stop: int, start: int = 0) -> NDArray[np.uint8]:
    """(stop - start, priors, S, S) uint8 maps of some photos, by default the first.

    Raises:
        ShardFault: an array is damaged.
    """
    return np.stack([work.store.read(array_of(name), start, stop) for name in names], axis=1)


def compute(work: WorkFolder, settings: Settings, workers: int, report: Report) -> None:
    """Compute the maps of every photo of the training; each goes to the store.

    Args:
        work: the training's folder.
        settings: of the training.
        workers: processes.
        report: told after each photo.

    Raises:
        UsageError: too few photos have maps, or a prior marks nothing, or everything, in all of them.
    """
    listed = (work.record(photos.RECORD) or {})["photos"]
    side, names = settings.preset.side, settings.preset.priors
    so_far = _Mapped(work, names, (len(listed), side, side))
    so_far.restore()
    pace = Pace("priors", "photos", len(listed), report, so_far.done)
    sources = photos.configs(settings.inputs, settings.dataset, settings.split)
    opened = Opened(sources)
    task: Maps | TeacherMaps = (
        TeacherMaps(opened, settings.teachers, side, settings.preset.mirror)
        if settings.teachers
        else Maps(opened, names, side, settings.preset.cut)
    )
    items = [
        (Drawn(one["input"], one["path"], ByteRef(**one["ref"])), one["sha256"])
        for one in listed[so_far.done :]
    ]
    for (photo, _), answer in zip(items, map_in_order(task, items, workers), strict=True):
        so_far.add(photo.path, answer)
        pace.add(facts=f"{len(so_far.failed)} failed")
        if len(so_far.waiting) == BATCH:
            so_far.commit()
    so_far.commit()
    _finish(so_far, settings)


def _finish(mapped: _Mapped, settings: Settings) -> None:
    """Judge the maps over all photos, and commit their means and thresholds."""
    failed = {one["number"] for one in mapped.failed}
    usable = [number for number in range(mapped.done) if number not in failed]
    learned = len(usable) - round(len(usable) * settings.preset.held)
    held = usable[learned:]  # the draw's order is one of chance
    kept, disputed = _agreed(mapped, usable[:learned], settings.preset.agree)
    if len(kept) < settings.least_photos:
        smaller = "--set agree" if disputed else "batch: --set fusion.batch_size=N"
        shown = "; ".join(f"{one['path']}: {one['why']}" for one in mapped.failed[:3])
        raise UsageError(
            f"too few photos: {len(kept)} have maps, and a batch takes {settings.least_photos}",
            cause=f"of {len(disputed)} the teachers disagree" if disputed else shown,
            remedy=f"give more photos, or a smaller {smaller}",
        )
    means, empty = {}, {}
    for name in mapped.names:
        maps = mapped.work.store.read(array_of(name), 0, mapped.done)[kept]
        means[name] = float(maps.mean(dtype=np.float64)) / 255
        empty[name] = int((maps.max(axis=(1, 2)) == 0).sum())
        _check_useful(name, maps, settings.preset.threshold_of(name, means[name]))
    mapped.commit(done=True, kept=kept, held=held, disputed=disputed, means=means, empty=empty)


def _agreed(mapped: _Mapped, numbers: list[int], least: float) -> tuple[list[int], list[int]]:
    """The photos whose teachers' masks overlap with at least this, and the others."""
    if not least:
        return numbers, []
    overlaps = np.concatenate(
        [
            least_overlaps(stack_maps(mapped.work, mapped.names, min(start + PART, mapped.done), start))
            for start in range(0, mapped.done, PART)
        ]
    )
    chosen = zip(numbers, (overlaps[numbers] >= least).tolist(), strict=True)
    agreed = [number for number, is_enough in chosen if is_enough]
    return agreed, sorted({*numbers} - {*agreed})


def _check_useful(name: str, maps: NDArray[np.uint8], threshold: float) -> None:
    """Refuse a prior from which nothing can be learned."""
    marked = float((maps > 255 * threshold).mean())
    if 0 < marked < 1:
        return
    words = "nothing in any photo" if marked == 0 else "every pixel of every photo"
    raise UsageError(
        f"{name} marks {words}",
        cause="plain pictures, or pictures that a frame or their content fills evenly: there is no "
        "object to find",
        remedy="look at the photos, or leave it out: --set priors=... or --teacher",
    )
