"""PASCAL VOC as it is downloaded: its photos, and the classes that each shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import ImageFault, SourceFault, UsageError
from maskgen.io.images.decode import Limits, decode

from .images import Images, Pixels

SHOWN, DIFFICULT, ABSENT = 1, 0, -1
"""A class in a photo; one with no object but such as are marked difficult; none: as VOC's lists write it."""
_PLACES = (".", "VOC2007", "VOCdevkit/VOC2007")
_LISTS = Path("ImageSets/Main")
_NAME = re.compile(r"\w[\w.-]*")
_MAX_LIST_BYTES, _MAX_XML_BYTES, _MAX_DEPTH = 16 << 20, 1 << 20, 16
_LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)


@dataclass(frozen=True, eq=False)
class VocImages:
    """N photos of a split.

    Args:
        images: the photos; their single labels are 0 and mean nothing.
        targets: (N, C) int8 of `SHOWN`, `DIFFICULT` and `ABSENT`.
        classes: C names.
    """

    images: Images
    targets: NDArray[np.int8]
    classes: tuple[str, ...]


def open_voc(path: Path, split: str, classes: Sequence[str] = ()) -> VocImages:
    r"""A split of VOC: by its lists of each class, else by the XML file of each photo.

    Args:
        path: VOC2007, or a folder that holds it or VOCdevkit, as the archives unpack.
        split: ``trainval``, ``test`` and so on.
        classes: in this order; none: all that there are, by name.

    Raises:
        UsageError: it is no VOC, lacks the split or a class, or has a class besides.
        SourceFault: a list or an XML file is damaged, or a photo is missing.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.trainers.datasets.voc import open_voc
        >>> main = Path("VOC2007/ImageSets/Main")
        >>> main.mkdir(parents=True)
        >>> Path("VOC2007/JPEGImages").mkdir()
        >>> size = (main / "cat_test.txt").write_text("000001  1\n000002 -1\n")
        >>> for name in ("000001", "000002"):
        ...     found = Path("VOC2007/JPEGImages", f"{name}.jpg").write_bytes(b"a photo")
        >>> open_voc(Path("VOC2007"), "test").targets.tolist()
        [[1], [-1]]
    """
    root = _find_root(path)
    lists = {file.name.removesuffix(f"_{split}.txt"): file for file in (root / _LISTS).glob(f"*_{split}.txt")}
    names, table = _from_lists(lists) if lists else _from_xml(root, split)
    order = tuple(classes) or tuple(sorted(table))
    if lacking := [name for name in order if name not in table and lists]:
        raise UsageError(
            f"the split {split} has no list of the class {lacking[0]}",
            where=str(root / _LISTS),
            remedy=f"put {lacking[0]}_{split}.txt there, or leave all lists out to go by the XML files",
        )
    if foreign := sorted(table.keys() - order):
        raise UsageError(
            f"the split {split} has classes that the training photos lack: {', '.join(foreign)}",
            where=str(root / _LISTS),
            cause="lists of trainval are missing, or no training photo shows them",
            remedy="unpack the archives again; of data of your own, put lists of the classes that are to be "
            f"judged there, as cat_{split}.txt",
        )
    columns = [[table.get(one, {}).get(name, ABSENT) for name in names] for one in order]
    targets = np.array(columns, np.int8).reshape(len(order), len(names)).T
    return VocImages(_photos(root, names, targets), targets, order)


def _find_root(path: Path) -> Path:
    for place in _PLACES:
        if (path / place / _LISTS).is_dir():
            return path / place
    raise UsageError(
        f"there is no PASCAL VOC: no {_LISTS}",
        where=str(path),
        remedy="give the folder VOC2007 that VOCtrainval_06-Nov-2007.tar and VOCtest_06-Nov-2007.tar unpack",
    )


def _lines(file: Path) -> list[list[str]]:
    """The words of each line of a list; the first names a photo."""
    if file.stat().st_size > _MAX_LIST_BYTES:
        _refuse("a list is too long", file, f"over {_MAX_LIST_BYTES >> 20} MB")
    try:
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        _refuse("a list is no text", file, str(error))
    found = [words for words in lines if words]
    for words in found:
        if not _NAME.fullmatch(words[0]):
            _refuse("a list names a photo that can be none", file, repr(words[0]))
    return found


def _from_lists(files: Mapping[str, Path]) -> tuple[list[str], dict[str, dict[str, int]]]:
    """Photos in the order of the first list, and the value of each by class."""
    table: dict[str, dict[str, int]] = {}
    for name, file in sorted(files.items()):
        lines = _lines(file)
        if wrong := [words for words in lines if len(words) != 2 or words[1] not in ("1", "0", "-1")]:
            _refuse("a list has a line that is no photo and 1, 0 or -1", file, repr(" ".join(wrong[0])))
        table[name] = {words[0]: int(words[1]) for words in lines}
        first = next(iter(table.values()))
        if table[name].keys() != first.keys() or len(lines) != len(first):
            _refuse("the lists of a split name different photos", file, f"{len(lines)} and {len(first)}")
    return list(next(iter(table.values()))), table


def _from_xml(root: Path, split: str) -> tuple[list[str], dict[str, dict[str, int]]]:
    """The same of the photos that the split's own list names, by their XML files."""
    file = root / _LISTS / f"{split}.txt"
    if not file.is_file():
        raise UsageError(
            f"there is no split {split}",
            where=str(root / _LISTS),
            remedy=f"unpack the archive that holds it, or write the photos' names into {split}.txt",
        )
    names = [words[0] for words in _lines(file)]
    table: dict[str, dict[str, int]] = {}
    for name in names:
        for found, difficult in read_objects(root / "Annotations" / f"{name}.xml"):
            value = DIFFICULT if difficult else SHOWN
            shown = table.setdefault(found, {})
            shown[name] = max(value, shown.get(name, value))
    return names, table


def _photos(root: Path, names: Sequence[str], targets: NDArray[np.int8]) -> Images:
    files = [root / "JPEGImages" / f"{name}.jpg" for name in names]
    lost = [file for file in files if not file.is_file()]
    if lost or not files:
        raise SourceFault(
            f"{len(lost)} of {len(files)} photos of the split are missing" if files else "the split is empty",
            where=str(lost[0] if lost else root / _LISTS),
            remedy="unpack the archive again",
        )
    listing = [(name, file.stat().st_size) for name, file in zip(names, files, strict=True)]

    def read(number: int) -> Pixels:
        try:
            return decode(files[number].read_bytes(), _LIMITS).image
        except ImageFault as fault:
            raise SourceFault(
                "a photo does not decode",
                where=str(files[number]),
                cause=str(fault),
                remedy="unpack the archive again",
            ) from fault

    return Images(np.zeros(len(files), np.int64), digest([listing, targets.tolist()]), read)


def read_objects(path: Path) -> list[tuple[str, bool]]:
    """The objects in an XML file of VOC: the class of each, and whether it is marked difficult.

    Nothing but names and marks is kept; a document type, and with it every entity, is refused.

    Raises:
        SourceFault: it is missing, too long, too deep, no XML, or names no class of an object.
    """
    if not path.is_file():
        _refuse("a photo has no XML file", path, "the archive is not unpacked whole")
    if path.stat().st_size > _MAX_XML_BYTES:
        _refuse("an XML file is too long", path, f"over {_MAX_XML_BYTES >> 20} MB")
    reader = _Reader()
    try:
        reader.parse(path.read_bytes())
    except (expat.ExpatError, ValueError) as error:
        _refuse("cannot read an XML file of VOC", path, str(error))
    return [(fields["name"], fields.get("difficult", "0") == "1") for fields in reader.objects]


class _Reader:
    """Collects the texts of `annotation/object/*`."""

    def __init__(self) -> None:
        self.objects: list[dict[str, str]] = []
        self._place: list[str] = []
        self._text = ""

    def parse(self, data: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._add
        parser.Parse(data, True)
        if any(not fields.get("name") for fields in self.objects):
            raise ValueError("an object has no name")

    def _refuse_doctype(self, *_: object) -> None:
        raise ValueError("it declares a document type")

    def _start(self, name: str, _: object) -> None:
        self._place.append(name)
        self._text = ""
        if len(self._place) > _MAX_DEPTH:
            raise ValueError(f"it is nested over {_MAX_DEPTH} deep")
        if self._place == ["annotation", "object"]:
            self.objects.append({})

    def _add(self, text: str) -> None:
        self._text += text

    def _end(self, name: str) -> None:
        if self._place[:-1] == ["annotation", "object"]:
            self.objects[-1][name] = self._text.strip()
        self._place.pop()
        self._text = ""


def _refuse(what: str, path: Path, cause: str) -> NoReturn:
    raise SourceFault(what, where=str(path), cause=cause, remedy="unpack the archive again, or mend the file")
