"""ImageNet as people have it.

Class folders, the original tars unpacked or not, flat folders, tiny-imagenet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from maskgen.errors import SourceFault
from maskgen.io.folders import entries
from maskgen.io.storage.location import Location
from maskgen.io.wnids import WNID
from maskgen.types import SourceItem

from ..containers.tars import is_gzip
from ..listing import (
    Listing,
    Photo,
    SourceOptions,
    containers,
    folder_photos,
    relative,
    shown,
)
from ..parts import Lister, Notes, Recall, file_part
from .labels import PhotoClasses, find_classes
from .tars import class_tar_photos, class_tars, flat_tar_photos

_NO_CLASS = (
    "folder that is no class (n and eight digits) was left out",
    "folders that are no class (n and eight digits) were left out",
)


def open_imagenet(options: SourceOptions) -> Listing:
    """The photos of one split, by class and then by file name.

    The label is the class's place among the sorted wnids.

    Layouts: ``{split}/<wnid>/*.JPEG`` (also below ``ILSVRC/Data/CLS-LOC``, with an ``images`` folder in each
    class as in tiny-imagenet, or the input is the split itself), a flat folder whose files begin with their
    wnid, a flat ``val`` with a file of labels (see `find_classes`), and ``ILSVRC2012_img_{split}.tar``
    without unpacking. ``val`` is numbered as ``train`` when that lies beside it.
    """
    return Listing(parts=partial(_parts, options))


def _parts(options: SourceOptions, notes: Notes, recall: Recall) -> Iterator[Lister]:
    """Class by class, where the photos lie in classes."""
    place = _place(options)
    if place.is_file() and is_gzip(place):
        raise SourceFault(
            "a compressed archive", where=str(place), remedy="decompress it to a .tar with gunzip"
        )
    tars = class_tars(place, recall) if place.is_file() else []
    classes = [tar.wnid for tar in tars] if place.is_file() else _class_folders(place)
    train = _training_classes(place, recall)
    if not classes:
        photos = flat_tar_photos(place, options.root, notes, recall) if place.is_file() else None
        yield partial(_flat, place, options, train, photos)
        return
    numbers = _numbering(place, classes, train)
    _note_numbering(numbers, notes)
    name = relative(place, options.root)
    for tar in tars:
        lister = partial(class_tar_photos, place, options.root, tar)
        items = partial(_class_items, tar.wnid, numbers[tar.wnid], lister)
        yield file_part(items, place, given=("imagenet", name, numbers[tar.wnid], *tar))
    for wnid in classes if not tars else ():
        lister = partial(_class_folder_photos, place / wnid, options.root)
        yield partial(_class_items, wnid, numbers[wnid], lister)


def _place(options: SourceOptions) -> Location:
    """The folder or tar of the split."""
    place, split = options.input, options.split
    if place.is_file():
        return place
    for inner in (split, f"ILSVRC/Data/CLS-LOC/{split}", f"Data/CLS-LOC/{split}"):
        if (place / inner).is_dir():
            return place / inner
    if (place / _tar_name(split)).is_file():
        return place / _tar_name(split)
    other = {"train": "val", "val": "train"}[split]
    if (place / other).is_dir() or (place / _tar_name(other)).is_file():
        raise SourceFault(
            f"no {split}/ folder and no {_tar_name(split)} here, only {other}",
            where=str(place),
            remedy=f"give --split {other}, or the folder that holds {split}/",
        )
    return place


def _tar_name(split: str) -> str:
    return f"ILSVRC2012_img_{split}.tar"


def _class_folders(place: Location) -> list[str]:
    """The wnids of the class folders, sorted; none when the photos do not lie in classes.

    A linked class folder is how subsets such as ImageNet-100 are made; one level cannot loop.
    """
    return containers(place, lambda name: bool(WNID.fullmatch(name)), ("folder", "linked folder"))


def _class_folder_photos(folder: Location, root: Location, notes: Notes) -> list[Photo]:
    prefix = relative(folder, root)
    if (folder / "images").is_dir():
        return folder_photos(folder / "images", f"{prefix}/images/", notes)
    return folder_photos(folder, f"{prefix}/", notes)


def _numbering(place: Location, own: list[str], train: list[str]) -> dict[str, int]:
    """The label of each wnid: its place among the sorted wnids of `train` beside this split, else of its own.

    Raises:
        SourceFault: this split has a class that `train` has not.
    """
    known = sorted(set(train or own))
    unknown = sorted(set(own) - set(known))
    if unknown:
        raise SourceFault(
            f"{len(unknown)} classes are not among the {len(known)} of train",
            where=str(place),
            cause=f"for example {unknown[0]}",
            remedy="complete train, or move this split away from it to number it by itself",
        )
    return {wnid: number for number, wnid in enumerate(known)}


def _training_classes(place: Location, recall: Recall) -> list[str]:
    """The wnids of the training split beside the validation split."""
    folder, archive = place.parent / "train", place.parent / _tar_name("train")
    if place in (folder, archive) or place.name not in ("val", _tar_name("val")):
        return []
    if folder.is_dir():
        return [e.name for e in entries(folder) if e.kind != "file" and WNID.fullmatch(e.name)]
    return [tar.wnid for tar in class_tars(archive, recall)] if archive.is_file() else []


def _class_items(
    wnid: str, number: int, list_photos: Callable[[Notes], list[Photo]], notes: Notes
) -> Iterator[SourceItem]:
    photos = list_photos(notes)
    if not photos:
        notes.add("class holds no photo", "classes hold no photo", wnid)
    for photo in photos:
        yield SourceItem(photo.name, photo.ref, number, photo.path)


def _note_numbering(numbers: dict[str, int], notes: Notes) -> None:
    if len(numbers) != 1000:
        first = next(iter(numbers), "none")
        instead = "not ImageNet's 1000: labels are places among these sorted wnids"
        notes.add(f"class, {instead}", f"classes, {instead}", first, len(numbers))


def _flat(
    place: Location, options: SourceOptions, train: list[str], photos: list[Photo] | None, notes: Notes
) -> Iterator[SourceItem]:
    """Photos side by side: those of an archive as they are given, those of a folder as they lie there."""
    if photos is None:
        inner = place / "images" if (place / "images").is_dir() else place
        prefix = relative(inner, options.root)
        photos = folder_photos(inner, f"{prefix}/" if prefix else "", notes)
        for entry in entries(inner):
            if "folder" in entry.kind:
                notes.add(*_NO_CLASS, shown(entry.name))
    if not photos:
        return
    found = find_classes(place, options.root, [photo.name for photo in photos]) or _prefixes(photos, place)
    numbers = _numbering(place, sorted(set(found.wnids) if train else found.all_wnids), train)
    _note_numbering(numbers, notes)
    if found.unused:
        one = f"label of {found.origin} is of a photo that is not here"
        many = f"labels of {found.origin} are of photos that are not here"
        notes.add(one, many, found.unused[0], len(found.unused))
    for photo, wnid in zip(photos, found.wnids, strict=True):
        yield SourceItem(photo.name, photo.ref, numbers[wnid], photo.path)


def _prefixes(photos: list[Photo], place: Location) -> PhotoClasses:
    """The class that each name begins with (``n01440764_tench``)."""
    wnids = [photo.name.split("_", 1)[0] for photo in photos]
    for photo, wnid in zip(photos, wnids, strict=True):
        if not WNID.fullmatch(wnid):
            raise SourceFault(
                f"the class of {photo.name!r} is unknown",
                where=str(place),
                cause="the photos lie in no class folders, no file of labels is beside them",
                remedy="add val_labels.txt with lines 'name wnid', or use --dataset folder for photos "
                "without labels",
            )
    return PhotoClasses(wnids, set(wnids), [], "")
