"""What a challenge is written to: folders of pictures, shards of each variant, or both, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..io.atomic import sync_disk, write_atomic
from ..shards.sample import SampleId
from .folders import MASKS, SPLIT, encode_mask, write_file
from .pairs import PAIRS
from .pictures import Made
from .settings import Settings
from .shard_sets import FOLDER, ShardSet

PARTS = "parts"


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """The folder of a challenge.

    Args:
        folder: it.
        samples: key, label and path of each photo, by number.
        folders: the name of its class's folder, of each photo, by number.
        sets: the shards of each variant; none where no shards are written.
        settings: what is written.
    """

    folder: Path
    samples: Mapping[int, SampleId]
    folders: Mapping[int, str]
    sets: Mapping[str, ShardSet]
    settings: Settings

    def is_done(self, part: int) -> bool:
        """Whether a part is written already, all of it."""
        return self._sums(part).exists()

    def write(self, part: int, photos: Iterable[Made], tick: Callable[[], None] = lambda: None) -> None:
        """Write the pictures of a part; its list of checksums is the last file, and says that it is done.

        Args:
            part: its number.
            photos: of the part, in their order.
            tick: called after each photo.

        Raises:
            EnvironmentFault: the disk is full, broken or read-only.
            ShardFault: a shard is there already, with other content.
        """
        lines: list[str] = []
        with ExitStack() as stack:
            writers = {name: stack.enter_context(one.writer(part)) for name, one in self.sets.items()}
            for made in photos:
                lines += self._write_files(made)
                sample = self.samples[made.number]
                for name, writer in writers.items():
                    writer.add(made.members[name], sample.label, made.sha256)
                tick()
            for name, writer in writers.items():
                record, _ = writer.commit()
                lines += [
                    f"{fact.sha256}  {FOLDER}/{name}/{record.name}.{suffix}"
                    for suffix, fact in record.files.items()
                ]
        sync_disk(self.folder)
        lines.sort(key=lambda line: line.partition("  ")[2])
        write_atomic(self._sums(part), "".join(f"{line}\n" for line in lines).encode())

    def _sums(self, part: int) -> Path:
        return self.folder / PARTS / f"{part:06d}.sha256"

    def place(self, number: int) -> str:
        """Where a photo's picture lies in a variant's folder."""
        return f"{SPLIT}/{self.folders[number]}/{self.samples[number].key}.{self.settings.photo_format}"

    def _write_files(self, made: Made) -> list[str]:
        place, wanted = self.place(made.number), self.settings.folders
        files = {f"{name}/{place}": data for name, data in made.files.items() if wanted or name == PAIRS}
        if wanted:
            files[f"{MASKS}/{place.rpartition('.')[0]}.npy"] = encode_mask(made.mask)
        return [f"{write_file(self.folder / path, data)}  {path}" for path, data in files.items()]
