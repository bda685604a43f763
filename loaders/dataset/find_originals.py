"""Where the original photos of a sidecar data set lie: by the paths in its tables, or by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from maskgen.errors import ShardFault, SourceFault, UsageError
from maskgen.io.folders import walk_folder
from maskgen.io.storage.location import Location, ObjectLocation, file_sizes, not_there
from maskgen.io.storage.reading import open_bytes
from maskgen.io.tars import TarMember, walk
from maskgen.shards import naming
from maskgen.shards.sealed_json import MEND

from .originals import Paths, Place
from .planned_originals import find_planned, lies_in_container

_IMAGES = ("jpg", "jpeg", "png", "webp")
_ARCHIVES_KEPT = 4
_INPUT = ("photos", "<the run's --input, or its folder when that was one file>")


def find_photos(folder: Location, shards: Sequence[Paths], data: Location) -> Iterator[Place]:
    """Where the photo of each sample lies.

    The tables name the path that each photo had below the input of the run: a file, a member of a tar, or a
    member of a tar in a tar. Photos in zip and TFRecord files are found by the run's plan. If the first
    sample's file is there, that rule holds for all of them. Otherwise the tars were renamed or dealt out
    anew, and photos are found by key, as webdataset spells it, among all tars of the folder.

    Args:
        folder: of the originals.
        shards: what the tables say.
        data: the folder of the shards.

    Raises:
        ShardFault: a photo is missing, or found twice, or the plan that is needed is not there.
        UsageError: no such folder.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    for found in seek_photos(folder, shards, data):
        if isinstance(found, ShardFault):
            raise found
        yield found


def seek_photos(folder: Location, shards: Sequence[Paths], data: Location) -> Iterator[Place | ShardFault]:
    """As `find_photos`, but in place of a photo that is missing what is to be said of it.

    Of the photos that are there, no more is held than of one archive or folder, and of those asked for.
    """
    if isinstance(folder, ObjectLocation) and not folder.is_dir():
        raise not_there(folder, "the folder of the originals", "give the run's --input")
    if not folder.is_dir():
        raise UsageError(
            "photos must be a folder", where=str(folder), remedy="give the folder of the originals"
        )
    first = next((paths.paths[0].as_py() for paths in shards if len(paths.paths)), None)
    if first is None:
        return
    archives = _Archives(folder)
    if lies_in_container(folder, _safe(first)):
        yield from find_planned(folder, data, shards)
    elif archives.holds(first):
        for paths in shards:
            for key, path in zip(paths.keys.to_pylist(), paths.paths.to_pylist(), strict=True):
                yield archives.find(key, path)
    else:
        yield from _by_key(folder, shards, first)


def files_of(path: Location, inner: TarMember | None = None) -> Iterator[TarMember]:
    """The plain files of an uncompressed tar, or of a tar in it.

    What follows a cut behind a whole file is missing.

    Raises:
        ShardFault: it cannot be read, is damaged or hostile, or ends inside a file.
    """
    try:
        with open_bytes(path) as file:
            start, size = (inner.offset, inner.size) if inner else (0, file.length())
            for member in walk(file.read_at, path.name, start=start, end=start + size, marked=False):
                if member.plain:
                    yield member
    except (SourceFault, OSError) as error:
        raise ShardFault(
            "cannot read a tar of photos",
            where=path.name,
            cause=error.cause if isinstance(error, SourceFault) else str(error),
            remedy="download or copy that tar again",
        ) from error


class _Archives:
    """Places by path; the names in the last few archives and folders are remembered."""

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._known: dict[str, dict[str, Place]] = {}

    def holds(self, path: str) -> bool:
        """Whether a path's first part is there at all."""
        return (self._folder / _safe(path).partition("/")[0]).exists()

    def find(self, key: str, path: str) -> Place | ShardFault:
        head, _, name = _safe(path).rpartition("/")
        if head not in self._known:
            while len(self._known) >= _ARCHIVES_KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[head] = self._names(head)
        return self._known[head].get(name) or ShardFault(
            "a sample's photo is not among the originals",
            where=f"{key}: {path} in {self._folder}",
            cause="another folder than the one the masks were made from, or an incomplete copy",
            arguments=[_INPUT],
        )

    def _names(self, head: str) -> dict[str, Place]:
        """What lies in a folder or an archive, or in a folder inside an archive, by its last name."""
        parts = head.split("/") if head else []
        for count in range(1, len(parts) + 1):
            archive = "/".join(parts[:count])
            if (self._folder / archive).is_file():
                return self._inside(archive, "/".join(parts[count:]))
        try:
            files = file_sizes(self._folder / head if head else self._folder)
        except OSError:
            return {}
        return {name: Place(f"{head}/{name}" if head else name, 0, size) for name, size in files.items()}

    def _inside(self, archive: str, inner: str) -> dict[str, Place]:
        """The members below the folder `inner` of an archive, or of the archive `inner` in it."""
        path = self._folder / archive
        places: dict[str, Place] = {}
        for member in files_of(path):
            if member.name == inner:
                nested = files_of(path, member)
                return {m.name: Place(archive, m.offset, m.size) for m in nested}
            head, _, name = member.name.rpartition("/")
            if head == inner:
                places[name] = _once(places, name, Place(archive, member.offset, member.size))
        return places


def _once(places: dict[str, Place], name: str, place: Place) -> Place:
    if name in places:
        raise ShardFault(
            "an archive has two members of one name",
            where=f"{place.file} {name}",
            remedy="write the archive again, each name once",
        )
    return place


def _safe(path: str) -> str:
    """A path that stays below the folder it is taken from."""
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ShardFault("a table names a path that leaves the folder", where=path[:200], remedy=MEND)
    return path


def _by_key(folder: Location, shards: Sequence[Paths], first: str) -> Iterator[Place | ShardFault]:
    keys = [key for paths in shards for key in paths.keys.to_pylist()]
    tars = [entry.name for entry in walk_folder(folder) if entry.name.endswith(".tar")]
    if not tars:
        absent = ShardFault(
            "the originals are not here",
            where=f"{first} in {folder}",
            cause="another folder than the one the masks were made from",
            arguments=[_INPUT],
        )
        yield from (absent for _ in keys)
        return
    found, photos = find_by_key(folder, tars, keys)
    for key in keys:
        yield found.get(key) or ShardFault(
            "a sample's photo is not among the originals",
            where=f"{key} in {photos} photos of {len(tars)} tars in {folder}",
            cause="another data set, or an incomplete copy",
            arguments=[_INPUT],
        )


def find_by_key(
    folder: Location, tars: Iterable[str], keys: Iterable[str]
) -> tuple[dict[str, Place | None], int]:
    """Where the photos of some keys lie in WebDataset tars, if they do, and how many photos the tars have.

    Raises:
        ShardFault: a tar cannot be read, or two photos have one of the keys.
    """
    found, photos = dict[str, Place | None].fromkeys(keys), 0
    for name in tars:
        for key, member in _photo_members(folder / name):
            photos += 1
            if before := found.get(key):
                raise ShardFault(
                    "two photos have one key",
                    where=f"{key} in {before.file} and {name}",
                    remedy="keep each data set in a folder of its own",
                )
            if key in found:
                found[key] = Place(name, member.offset, member.size)
    return found, photos


def _photo_members(path: Location) -> Iterator[tuple[str, TarMember]]:
    """The key of each sample of a WebDataset tar, made safe, and its photo.

    The first of jpg, jpeg, png, webp.
    """
    last, best, rank = "", None, len(_IMAGES)
    for member in files_of(path):
        head, slash, base = member.name.rpartition("/")
        stem, _, ext = base.partition(".")
        key = f"{head}{slash}{stem}"
        if key != last:
            if best is not None:
                yield naming.safe_key(last), best
            last, best, rank = key, None, len(_IMAGES)
        if ext.lower() in _IMAGES[:rank]:
            best, rank = member, _IMAGES.index(ext.lower())
    if best is not None:
        yield naming.safe_key(last), best
