"""Which mask belongs to which truth.

Folders by file stem, shards by key or original file name, COCO by file name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import ShardFault, UsageError
from ..io.storage.location import Location, file_sizes, not_there
from ..shards import manifest, naming, reader, table
from ..shards.manifest import Manifest
from ..shards.record import Record
from ..shards.sample import cut_level
from .coco import read_instances
from .folder import pictures
from .names import name_of
from .reading import Blob, Truth

HALF = 0.5
"""The threshold where no data set states one."""

_NAMED = 5  # names in a message


class MaskEntry(NamedTuple):
    """One mask: the names it may be paired by, best first, and its bytes.

    Its photo too, where the shard has it.
    """

    names: tuple[str, ...]
    mask: Blob
    photo: Blob | None = None


@dataclass(frozen=True, slots=True)
class MaskSet:
    """The masks of one folder or data set.

    Args:
        where: the folder.
        entries: the masks.
        threshold: mask value from which a pixel is foreground.
        cut: the same as the smallest level, 1..255.
    """

    where: str
    entries: tuple[MaskEntry, ...]
    threshold: float = HALF
    cut: int = cut_level(HALF)


@dataclass(frozen=True, slots=True)
class Pair:
    """One truth and its mask in each mask set, in the sets' order."""

    name: str
    truth: Truth
    entries: tuple[MaskEntry, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """What belongs together, and what is left over.

    Args:
        pairs: sorted by name.
        lone_masks: for each mask set, the masks without truth.
        lone_truths: the truths that some mask set has no mask for.
    """

    pairs: tuple[Pair, ...]
    lone_masks: tuple[tuple[str, ...], ...]
    lone_truths: tuple[str, ...]


def open_masks(
    path: Location, threshold: float | None = None, names: Collection[str] | None = None
) -> MaskSet:
    """The masks of a shard folder, or of a folder of PNG and JPEG maps (also in folders below).

    Args:
        path: the folder, or its address in an object store.
        threshold: overrides the data set's threshold, or 0.5 for plain folders.
        names: only masks with one of these are kept; None keeps all.

    Raises:
        UsageError: no mask in it, or two with one stem.
        ShardFault: a manifest or table is damaged, or a file is not as recorded.
    """
    if has_shards(path):
        found, entries = _open_shards(path, names)
    else:
        found, maps = HALF, pictures(path)
        entries = [MaskEntry((name,), maps[name]) for name in maps if names is None or name in names]
    threshold = found if threshold is None else threshold
    return MaskSet(str(path), tuple(entries), threshold, cut_level(threshold))


def has_shards(path: Location) -> bool:
    """Whether a folder holds a data set, finished or not, rather than maps."""
    return (path / naming.MANIFEST).exists() or (path / naming.PLAN).exists()


def open_truths(path: Location) -> Mapping[str, Truth]:
    """The truths of a folder of PNG and JPEG masks, or of a COCO ``instances_*.json``, by name.

    Raises:
        UsageError: nothing is there, no truth is in it, or two have one stem.
        SourceFault: not COCO's annotations.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    truths: Mapping[str, Truth]
    if not path.exists():
        raise not_there(path, "the truth", "check --truth")
    truths = pictures(path) if path.is_dir() else read_instances(path)
    if not truths:
        raise UsageError(
            "no image in these annotations", where=str(path), remedy="give the instances_*.json of the photos"
        )
    return truths


def _open_shards(path: Location, names: Collection[str] | None) -> tuple[float, list[MaskEntry]]:
    whole = manifest.read(path)
    sizes = file_sizes(path)
    entries = [
        entry
        for record in whole.shards
        for entry in _entries(path, record, whole.members, sizes)
        if names is None or any(name in names for name in entry.names)
    ]
    if not whole.samples:
        raise UsageError(
            "the data set holds no sample", where=str(path), remedy="maskgen status says what became of it"
        )
    return threshold_of(whole), entries


def threshold_of(whole: Manifest) -> float:
    """The mask value from which a pixel of a data set's masks is foreground.

    Binary masks have been cut already: what is above one half is foreground, as the loader has it.
    """
    return HALF if whole.identity["options"]["binary"] else whole.threshold


def _entries(
    path: Location, record: Record, members: tuple[str, ...], sizes: dict[str, int]
) -> list[MaskEntry]:
    reader.check_size(path, record, sizes)
    if "tar" not in record.files:
        return []
    pictures = (naming.MASK, naming.stored_ext(naming.PHOTO, members))
    places = [table.column(ext, part) for ext in pictures for part in _PARTS]
    rows = table.read(path / f"{record.name}.parquet", ["key", "path", "status", *places]).to_pylist()
    return [entry_of(path / f"{record.name}.tar", row, pictures) for row in rows if row["status"] == "ok"]


def entry_of(tar: Location, row: Mapping[str, object], pictures: tuple[str, str]) -> MaskEntry:
    """The mask of a sample.

    Args:
        tar: of its shard.
        row: of the shard's table: key, path, and the places of both members.
        pictures: extensions of mask and photo.

    Raises:
        ShardFault: the table knows no mask.
    """
    key = str(row["key"])
    mask, photo = (_member(tar, row, key, ext) for ext in pictures)
    if mask is None:
        raise ShardFault("the table knows no mask", where=f"{tar.name} {key}", remedy="maskgen verify")
    stem = name_of(str(row["path"]))
    return MaskEntry((key, stem) if stem != key else (key,), mask, photo)


_PARTS = ("offset", "size", "crc32c")


def _member(tar: Location, row: Mapping[str, object], key: str, ext: str) -> Blob | None:
    offset, size, checksum = (row.get(table.column(ext, part)) for part in _PARTS)
    if not isinstance(offset, int) or not isinstance(size, int):
        return None
    recorded = checksum if isinstance(checksum, int) else None
    return Blob(str(tar), offset, size, f"{tar.name} {key}.{ext}", recorded)


def pair(truths: Mapping[str, Truth], sets: Sequence[MaskSet]) -> Pairing:
    """Pair the masks of every set with the truths; a pair needs a mask in every set.

    Raises:
        UsageError: two masks of one set belong to one truth.
    """
    matched = [_match(truths, masks) for masks in sets]
    together = sorted(name for name in truths if all(name in found for found, _ in matched))
    pairs = tuple(Pair(name, truths[name], tuple(found[name] for found, _ in matched)) for name in together)
    lone_truths = tuple(sorted(set(truths) - set(together)))
    return Pairing(pairs, tuple(lone for _, lone in matched), lone_truths)


def _match(truths: Mapping[str, Truth], masks: MaskSet) -> tuple[dict[str, MaskEntry], tuple[str, ...]]:
    found: dict[str, MaskEntry] = {}
    lone: list[str] = []
    for entry in masks.entries:
        name = next((name for name in entry.names if name in truths), None)
        if name is None:
            lone.append(entry.names[0])
        elif name in found:
            raise UsageError(
                f"two masks belong to the truth {name!r}",
                where=f"{found[name].mask} and {entry.mask}",
                cause="photos of one file name from two folders",
                remedy="name the truths by the samples' keys",
            )
        else:
            found[name] = entry
    return found, tuple(sorted(lone))


def take_named(truths: Mapping[str, Truth], file: Path) -> Mapping[str, Truth]:
    """The truths that a file names, one a line: by name or by file name.

    Raises:
        UsageError: it cannot be read, names none, or one that is no truth.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "cannot read the names", where=str(file), cause=str(error), remedy="give a text file, one a line"
        ) from error
    names = [line if line in truths else name_of(line) for line in lines if line]
    missing = [name for name in names if name not in truths]
    if missing or not names:
        raise UsageError(
            f"{len(missing)} of the names are no truths" if names else "the file names no truth",
            where=f"{_first(missing)} in {file}" if missing else str(file),
            remedy="write one name a line, as the truths' files are called",
        )
    return {name: truths[name] for name in names}


def require_pairs(pairing: Pairing, sets: Sequence[MaskSet], truth: Location, *, allow_missing: bool) -> None:
    """Refuse a pairing with left-over masks or truths unless allowed, and one without any pair.

    Raises:
        UsageError: with the numbers and first names of both sides.
    """
    lone = [
        (names, "mask", f"without truth in {masks.where}")
        for names, masks in zip(pairing.lone_masks, sets, strict=True)
    ]
    lone.append((pairing.lone_truths, "truth", f"without mask in {truth}"))
    if pairing.pairs and (allow_missing or not any(names for names, _, _ in lone)):
        return
    told = [
        f"{len(names)} {kind}{'s' * (len(names) > 1)} {what} ({_first(names)})"
        for names, kind, what in lone
        if names
    ]
    common = [_common_ending(names, pairing.lone_truths) for names in pairing.lone_masks]
    common += [_common_ending(pairing.lone_truths, names) for names in pairing.lone_masks]
    endings = [ending for ending in common if ending]
    remedy = f"rename the files without {endings[0]!r}" if endings else "mend the names"
    if pairing.pairs:
        remedy += (
            ", name in a file which truths are wanted (--keys), or evaluate the "
            f"{len(pairing.pairs)} pairs with --allow-missing"
        )
    elif not endings:
        remedy += ": masks and truths pair by file stem, shards also by key"
    nothing = "no truth has a mask" + (" in every set" if len(sets) > 1 else "")
    raise UsageError(
        "masks and truths do not pair up" if pairing.pairs else nothing,
        cause="; ".join(told),
        remedy=remedy,
    )


def _common_ending(names: Sequence[str], wanted: Sequence[str]) -> str:
    """What most of `names` have behind the name that they would pair by, as in 12_mask, or ""."""
    known = set(wanted)
    endings = Counter(name[n:] for name in names for n in range(1, len(name)) if name[:n] in known)
    ending, count = max(endings.items(), key=lambda item: item[1], default=("", 0))
    return ending if 2 * count > len(names) else ""


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
