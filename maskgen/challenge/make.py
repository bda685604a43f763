"""Making a challenge: photos are chosen, then made into pictures part by part; parts that are done stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from maskgen.loaders import Dataset
from maskgen.loaders.dataset.class_folders import class_folders
from maskgen.loaders.dataset.labels import read_class_names

from ..config.claim import check_empty, claim_folder
from ..errors import UsageError
from ..io.atomic import file_sha256, folder_lock, make_folder, sweep_partials, write_atomic
from ..processes.cores import usable_cores
from ..processes.threads import map_threads
from ..shards import naming, sealed_json
from ..shards.sample import SampleId
from .donors import Donors
from .folders import MASKS, make_folders
from .output import PARTS, Output
from .pairs import METADATA, PAIRS, Pair, find_classes, list_pairs, make_pairs
from .photos import Photos
from .pictures import Maker
from .report import PHOTOS, REPORT, SETTINGS, list_photos, summarize, write_sums
from .selection import Selection, select
from .settings import Settings
from .shard_sets import FOLDER, ShardSet, config_of, open_set, versions_of

ELSEWHERE = "choose another folder"
VERSION = 1
"""Of the pictures: one more when the same settings give others."""


def make_challenge(
    dataset: Dataset,
    output: Path,
    settings: Settings | None = None,
    *,
    report: Callable[[int, int], None] = lambda *_: None,
    threads: int = 0,
    waiting: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Make all variants of all photos that are fit; the same call resumes.

    Args:
        dataset: an open one, labeled, with photos.
        output: folder of the challenge: new, empty, or of the same challenge.
        settings: what is made; None: the defaults.
        report: called with the number of photos that are done, and of all.
        threads: at work; 0: one for each core. The bytes are the same.
        waiting: called once if another process makes it, before this one waits for that.

    Returns:
        What ``challenge.json`` says, see `report.summarize`.

    Raises:
        UsageError: no labels, too few photos, or a folder that holds something else.
        ShardFault: the shards are damaged.
        EnvironmentFault: the disk is full, broken or read-only.
        Interrupted: a signal; parts that are done stay.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.challenge import Settings, make_challenge
        >>> from maskgen.loaders import open_dataset
        >>> settings = Settings(side=112, write="folders")
        >>> found = make_challenge(open_dataset("shards/"), Path("challenge/"), settings)  # doctest: +SKIP
    """
    settings = settings or Settings()
    if output.resolve().is_relative_to(dataset.path.resolve()):
        raise UsageError(
            "the challenge lies inside the shards", where=str(output), remedy="choose a folder beside them"
        )
    if settings.noise and settings.photo_format == "jpg":
        raise UsageError("a JPEG does not keep noise", arguments=[("photo_format", "png"), ("noise", 0)])
    facts = {
        "challenge": VERSION,
        "settings": asdict(settings),
        "source": dataset.fingerprint,
        "versions": versions_of(config_of(dataset, settings)),
    }
    if _is_claimed(output, facts) and (output / REPORT).exists():
        return sealed_json.read(output / REPORT)
    selection = select(dataset, settings)
    make_folder(output)
    with folder_lock(output, waiting):
        if not _is_claimed(output, facts):
            write_atomic(output / SETTINGS, sealed_json.render(facts))
        make_folder(output / PARTS)
        for folder in (output, output / PARTS):
            sweep_partials(folder)
        photos = Photos(dataset, settings.side)
        try:
            work = _plan(photos, output, selection, facts)
            work.make(report, threads or usable_cores())
        finally:
            photos.close()
        found = summarize(facts, selection, work.classes, settings.variants, _list_files(output))
        write_atomic(output / REPORT, sealed_json.render(found))
    return found


def _is_claimed(output: Path, facts: Mapping[str, Any]) -> bool:
    """Whether the folder holds this challenge, finished or not; False: it is free.

    Raises:
        UsageError: it holds another one, or something else.
    """
    path = output / SETTINGS
    return claim_folder(
        output,
        dict(facts),
        lambda: sealed_json.read(path) if path.exists() else None,
        check_free=lambda: check_empty(output, "challenge", ELSEWHERE),
        remedy=f"repeat the old settings to resume, or {ELSEWHERE}",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What is to be made.

    Args:
        parts: numbers of the photos that are finished together.
        maker: of their pictures.
        files: where they are written.
        classes: the folder's name of each class.
    """

    parts: Sequence[Sequence[int]]
    maker: Maker
    files: Output
    classes: Mapping[int, str]

    def make(self, report: Callable[[int, int], None], threads: int) -> None:
        """Make what is not done yet."""
        total = sum(map(len, self.parts))
        missing = [part for part in range(len(self.parts)) if not self.files.is_done(part)]
        done = count(total - sum(len(self.parts[part]) for part in missing) + 1)
        for part in missing:
            with closing(map_threads(self.maker.make, self.parts[part], threads)) as made:
                self.files.write(part, made, lambda: report(next(done), total))
        for one in self.files.sets.values():
            one.finish()


def _plan(photos: Photos, output: Path, selection: Selection, facts: Mapping[str, Any]) -> _Work:
    """Draw the backgrounds, and open the folders and shards."""
    settings, taken, keys = Settings(**facts["settings"]), selection.taken, selection.keys
    labels = {number: selection.labels[number] for number in taken}
    donors = Donors({number: keys[number] for number in taken}, labels, settings.seed)
    mixed = {number: donors.mixed(number) for number in taken}
    write_atomic(output / PHOTOS, list_photos(selection, mixed))
    names = read_class_names(photos.dataset)
    classes = class_folders(list(donors.members), names)
    paths, config = photos.paths(), config_of(photos.dataset, settings)
    samples = {number: SampleId(keys[number], labels[number], paths[number]) for number in taken}
    parts = [
        taken[first : first + settings.shard_size] for first in range(0, len(taken), settings.shard_size)
    ]
    pairs = _draw_pairs(donors, settings, names)
    for number, one in pairs.items():
        mixed[number][PAIRS] = one.donor
    sets: dict[str, ShardSet] = {}
    if settings.shards:
        rows = [[samples[number] for number in part] for part in parts]
        sets = {name: open_set(output, name, rows, config, dict(facts)) for name in settings.variants}
    if settings.folders:
        make_folders(output, (*settings.variants, MASKS), classes)
    files = Output(output, samples, {n: classes[labels[n]] for n in taken}, sets, settings)
    if pairs:
        make_folders(output, (PAIRS,), {one: classes[one] for one in {labels[number] for number in pairs}})
        places = {number: files.place(number) for number in pairs}
        write_atomic(output / PAIRS / METADATA, list_pairs(pairs, donors.keys, places))
    return _Work(parts, Maker(photos, samples, mixed, config, settings), files, classes)


def _draw_pairs(donors: Donors, settings: Settings, names: Mapping[int, str]) -> dict[int, Pair]:
    if not settings.pairs:
        return {}
    known = {label: names.get(label, str(label)) for label in donors.members}
    return make_pairs(donors, find_classes(settings.pairs, known), settings.bias)


def _list_files(output: Path) -> str:
    """Write the checksums of all files; returns that of the list."""
    manifests = (output / FOLDER).glob(f"*/{naming.MANIFEST}")
    more = [output / PHOTOS, *(output / PAIRS).glob(METADATA), *manifests]
    sums = {path.relative_to(output).as_posix(): file_sha256(path) for path in more}
    return write_sums(output, output / PARTS, sums)
