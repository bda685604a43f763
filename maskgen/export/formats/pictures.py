"""Files of pictures: masks, cutouts, and folders of classes; `samples.csv` lists them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar

import cv2
import numpy as np

from maskgen.errors import UsageError
from maskgen.io.images.encode import encode_mask_png
from maskgen.loaders.dataset.class_folders import class_folders
from maskgen.loaders.dataset.labels import read_class_names, read_labels
from maskgen.shards import naming
from maskgen.types import RGB

from ..metadata.croissant import (
    CSV,
    FILE,
    PNG,
    Column,
    file_object,
    file_set,
    picture_set,
    record_set,
    render_croissant,
)
from ..metadata.provenance import describe_masks
from ..names import stem_of
from ..output import HashedFile
from ..samples import Facts, Sample
from .format import Format, Row, background_quality, has_backgrounds

LIST = "samples.csv"
COLUMNS = {
    **dict.fromkeys(("key", "source", "mask", "photo", "background", "label"), "sc:Text"),
    **dict.fromkeys(("coverage", "confidence"), "sc:Float"),
}
"""Of the list, and their kinds in the metadata; a label may be several."""


def encode_cutout(photo: RGB, mask: Any) -> bytes:
    """The bytes of a PNG of red, green, blue and alpha.

    The colors of transparent pixels stay, so that the mask may be changed later.

    Args:
        photo: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, the alpha channel.
    """
    pixels = np.dstack([photo[..., ::-1], mask])
    _, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    return data.tobytes()


class Listed(Format):
    """Files of samples, with a list of them, and metadata."""

    pattern: ClassVar[str] = "*.png"
    """What the paths of the masks fit, and of no other pictures."""

    def stem(self, facts: Facts) -> str:
        """The path of a sample's files, without their endings."""
        return facts.key if self.settings.by_key else stem_of(facts.path)

    def row(self, facts: Facts, **files: str) -> Row:
        """A line of the list."""
        label = list(facts.label) if isinstance(facts.label, tuple) else facts.label
        known = {"key": facts.key, "source": facts.path, "label": label, "coverage": facts.area}
        return {**known, "confidence": facts.confidence, **files}

    def finish(self, rows: Iterable[Row]) -> None:
        """Write the list and the metadata."""
        with self.output.open(LIST) as file:
            hashed = HashedFile(file)
            hashed.write(_lines([COLUMNS]))
            for row in rows:
                hashed.write(_lines([["" if row.get(name) is None else row[name] for name in COLUMNS]]))
        table = file_object(LIST, CSV, hashed.size, hashed.sha256)
        pictures = file_set("files", PNG, self.pattern)
        metadata = render_croissant(
            title=self.title,
            terms=self.settings.license,
            masks=describe_masks(self.samples.dataset.manifest),
            distribution=[table, pictures],
            records=[
                record_set("samples", table, [Column(name, kind) for name, kind in COLUMNS.items()]),
                picture_set("pictures", pictures),
            ],
        )
        self.output.write(FILE, metadata)


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(rows)
    return sink.getvalue().encode("utf-8", "surrogateescape")


class Masks(Listed):
    """Masks at the size of their photos, as 8-bit gray PNGs."""

    def convert(self, sample: Sample) -> Row:
        """Write the mask."""
        path = f"{self.stem(sample.facts)}.png"
        mask = sample.mask(binary=self.settings.binary)
        self.output.write(path, encode_mask_png(mask, binary=False))
        return self.row(sample.facts, mask=path)


class Cutouts(Listed):
    """Photos whose alpha channel is the mask."""

    members: ClassVar[tuple[str, ...]] = (naming.PHOTO,)

    def convert(self, sample: Sample) -> Row:
        """Write the photo with its mask."""
        path = f"{self.stem(sample.facts)}.png"
        data = encode_cutout(sample.pixels, sample.mask(binary=self.settings.binary))
        self.output.write(path, data)
        return self.row(sample.facts, photo=path, mask=path)


class ClassFolders(Listed):
    """Photos, masks and backgrounds, each in folders of classes, as torchvision's `ImageFolder` reads them.

    Samples without a single class are left out.
    """

    members: ClassVar[tuple[str, ...]] = (naming.PHOTO,)
    named_by_path: ClassVar[bool] = False
    pattern: ClassVar[str] = "masks/*.png"

    @cached_property
    def folders(self) -> dict[int, str]:
        """The name of each class's folder."""
        dataset = self.samples.dataset
        labels = np.unique(read_labels(dataset))
        known = labels[labels >= 0].tolist()
        return class_folders(known, read_class_names(dataset)) if known else {}

    def prepare(self) -> None:
        """There must be a class.

        Raises:
            UsageError: no sample has a single class.
        """
        if not self.folders:
            raise UsageError(
                "no sample has a class",
                where=self.samples.dataset.where,
                remedy="--to png writes masks without classes; maskgen run --labels folder gives photos some",
            )

    def convert(self, sample: Sample) -> Row | None:
        """Write the pictures."""
        facts = sample.facts
        if not isinstance(facts.label, int) or facts.label not in self.folders:
            return None
        place = f"{self.folders[facts.label]}/{facts.key}"
        paths = {"photo": f"photos/{place}.{sample.photo_ending}", "mask": f"masks/{place}.png"}
        mask = encode_mask_png(sample.mask(binary=self.settings.binary), binary=False)
        files = {"photo": sample.photo, "mask": mask}
        if has_backgrounds(self.samples):
            paths["background"] = f"backgrounds/{place}.jpg"
            files["background"] = sample.background(background_quality(self.samples))
        for name, data in files.items():
            self.output.write(paths[name], data)
        return self.row(facts, **paths)
