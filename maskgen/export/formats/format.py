"""What a format is, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, TypeAlias

from maskgen.shards import naming

from ..metadata.provenance import TITLE
from ..output import Output
from ..samples import Sample, Samples
from ..settings import Settings

Row: TypeAlias = dict[str, Any]
"""What is kept of a sample, or of a part, until the whole is finished: JSON values."""


@dataclass(frozen=True, eq=False)
class Format:
    """Samples become rows, in threads; rows become a part; parts become the whole.

    A format overrides what it does otherwise.

    Args:
        samples: where they are read.
        output: where files are written.
        settings: what is made.
    """

    samples: Samples
    output: Output
    settings: Settings
    members: ClassVar[tuple[str, ...]] = ()
    """Of the samples, beside the mask, that cannot be missing."""
    named_by_path: ClassVar[bool] = True
    """Whether files are named by paths unless `by_key` is set."""

    def prepare(self) -> None:
        """Look at the data set and the settings before anything is written.

        Raises:
            UsageError: they do not go together.
        """

    def convert(self, sample: Sample) -> Row | None:
        """What becomes of a sample; its own files are written here. None leaves it out.

        Raises:
            ShardFault: it is damaged.
        """
        raise NotImplementedError

    def write_part(self, part: int, rows: Iterator[Row]) -> Iterable[Row]:  # noqa: ARG002
        """Write the files of a part.

        Args:
            part: its number.
            rows: of its samples; to be read to the end.

        Returns:
            What is kept until the whole is finished.
        """
        return rows

    def finish(self, rows: Iterable[Row]) -> None:
        """Write the files of the whole.

        Args:
            rows: of all parts, in order.
        """

    @property
    def part_samples(self) -> int:
        """Samples of a part."""
        return self.settings.part_size

    @property
    def title(self) -> str:
        """Name of the data set."""
        return self.settings.title or TITLE

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.samples.dataset.samples // self.part_samples)


_CLASSES = {
    "png": "pictures:Masks",
    "cutout": "pictures:Cutouts",
    "imagefolder": "pictures:ClassFolders",
    "coco": "coco:Coco",
    "parquet": "parquet:Tables",
    "hf": "hub:HubTables",
    "zarr": "arrays:Arrays",
    "fiftyone": "fiftyone:FiftyOne",
}
"""The module and class of each format."""


def format_class(name: str) -> type[Format]:
    """The class of a format.

    Example:
        >>> from maskgen.export.formats.format import format_class
        >>> format_class("cutout").members
        ('jpg',)
    """
    module, _, attribute = _CLASSES[name].partition(":")
    found: type[Format] = getattr(import_module(f"maskgen.export.formats.{module}"), attribute)
    return found


def has_backgrounds(samples: Samples) -> bool:
    """Whether every sample has a background."""
    return naming.BACKGROUND in samples.dataset.members


def has_photos(samples: Samples) -> bool:
    """Whether every sample has a photo."""
    dataset = samples.dataset
    return dataset.photos is not None or naming.stored_ext(naming.PHOTO, dataset.members) in dataset.members


def background_quality(samples: Samples) -> int:
    """JPEG quality of the backgrounds, 1 to 100."""
    return int(samples.dataset.manifest.identity["options"]["background_quality"])
