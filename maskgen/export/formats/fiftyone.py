"""A folder that FiftyOne opens: photos, masks as segmentations, soft ones as heatmaps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from maskgen.io.images.encode import encode_mask_png
from maskgen.loaders.dataset.labels import read_class_names
from maskgen.shards import naming

from ..metadata.provenance import describe_masks
from ..names import stem_of
from ..samples import Sample
from .format import Format, Row

SAMPLES, ABOUT = "samples.json", "metadata.json"


class FiftyOne(Format):
    """A data set of the type ``fiftyone.types.LegacyFiftyOneDataset``, whose samples are plain JSON.

    https://docs.voxel51.com/user_guide/import_datasets.html. A sample has the photo, the field ``mask``, a
    ``Segmentation(mask_path)`` of 0 and 255, and unless `binary` is set ``soft``, a ``Heatmap(map_path)``.
    """

    members: ClassVar[tuple[str, ...]] = (naming.PHOTO,)

    def prepare(self) -> None:
        """Read the classes' names."""
        self._names = read_class_names(self.samples.dataset)

    def convert(self, sample: Sample) -> Row:
        """Write the pictures."""
        facts = sample.facts
        stem = facts.key if self.settings.by_key else stem_of(facts.path)
        photo = f"data/{stem}.{sample.photo_ending}"
        row: dict[str, Any] = {
            "filepath": photo,
            "tags": [],
            "metadata": None,
            "key": facts.key,
            "source": facts.path,
            "coverage": facts.area,
            "confidence": facts.confidence,
            "mask": {"_cls": "Segmentation", "tags": [], "mask_path": f"fields/mask/{stem}.png"},
        }
        files = {photo: sample.photo}
        files[row["mask"]["mask_path"]] = encode_mask_png(sample.mask(binary=True), binary=False)
        if not (self.settings.binary or self.samples.binary):
            row["soft"] = {"_cls": "Heatmap", "tags": [], "map_path": f"fields/soft/{stem}.png"}
            row["soft"]["range"] = [0, 255]
            files[row["soft"]["map_path"]] = encode_mask_png(sample.mask(binary=False), binary=False)
        if isinstance(facts.label, int) and facts.label >= 0:
            name = self._names.get(facts.label, str(facts.label))
            row["label"] = {"_cls": "Classification", "tags": [], "label": name}
        for path, data in files.items():
            self.output.write(path, data)
        return row

    def finish(self, rows: Iterable[Row]) -> None:
        """Write the samples, and what is known of all of them."""
        with self.output.open(SAMPLES) as file:
            file.write(b'{"samples": [')
            lead = b"\n"
            for row in rows:
                file.write(lead + json.dumps(row).encode())
                lead = b",\n"
            file.write(b"]}\n")
        info = {
            "license": self.settings.license,
            "masks": describe_masks(self.samples.dataset.manifest),
            "default_mask_targets": {"255": "foreground"},
        }
        about = {"name": self.title, "media_type": "image", "info": info}
        self.output.write(ABOUT, (json.dumps(about, indent=1) + "\n").encode())
