"""Annotations as COCO has them: one object a photo, its mask in run lengths."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from maskgen.io.rle import compress_counts, encode_counts
from maskgen.shards import coverage

from ..names import stem_of
from ..samples import Sample
from .format import Format, Row

FILE = "annotations.json"
CATEGORY = 1


class Coco(Format):
    """One file of annotations.

    https://cocodataset.org/#format-data. An image's ``file_name`` is the photo's path in its source, its
    ``id`` the sample's number in the shards and one more. Its annotation has the class-agnostic category
    ``foreground``; an image without foreground has none.
    """

    def convert(self, sample: Sample) -> Row:
        """The image and its annotation."""
        facts, hard = sample.facts, sample.hard
        if not self.settings.by_key:
            stem_of(facts.path)  # a path that leaves its folder is refused here too
        height, width = facts.size
        name = facts.path if not self.settings.by_key else f"{facts.key}.jpg"
        image = {"id": facts.number + 1, "file_name": name, "width": width, "height": height}
        more = {"key": facts.key, "label": facts.label, "confidence": facts.confidence}
        area = int(np.count_nonzero(hard))
        if not area:
            return {"image": {**image, **more}}
        box = coverage.foreground_box(hard)
        annotation = {
            "id": facts.number + 1,
            "image_id": facts.number + 1,
            "category_id": CATEGORY,
            "segmentation": {"size": [height, width], "counts": compress_counts(encode_counts(hard))},
            "area": area,
            "bbox": [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0],
            "iscrowd": 0,
        }
        return {"image": {**image, **more}, "annotation": annotation}

    def finish(self, rows: Iterable[Row]) -> None:
        """Write the file; the rows are read twice, so that none has to be held."""
        head = {"info": self._info(), "licenses": [], "categories": [{"id": CATEGORY, "name": "foreground"}]}
        with self.output.open(FILE) as file:
            file.write(json.dumps(head).encode()[:-1])
            for name in ("image", "annotation"):
                file.write(f', "{name}s": ['.encode())
                lead = b"\n"
                for row in rows:
                    if name in row:
                        file.write(lead + json.dumps(row[name]).encode())
                        lead = b",\n"
                file.write(b"]")
            file.write(b"}\n")

    def _info(self) -> dict[str, Any]:
        identity = self.samples.dataset.manifest.identity
        return {
            "description": f"foreground masks by {identity['options']['method']}",
            "version": identity.get("versions", {}).get("maskgen", ""),
            "fingerprint": self.samples.dataset.fingerprint,
        }
