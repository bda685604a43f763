"""Tables as the Hugging Face Hub and its library `datasets` read them, with a card."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from maskgen.io.arrow import array_of
from maskgen.loaders.dataset.labels import read_class_names, read_labels

from ..metadata.card import CARD, render_card
from ..metadata.license import check_license
from ..metadata.provenance import describe_masks
from .format import Row
from .parquet import Tables

PICTURE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


class HubTables(Tables):
    """Parquet files whose columns of pictures are images to `datasets.load_dataset`, and README.md.

    https://huggingface.co/docs/hub/datasets-image#parquet-format
    """

    def prepare(self) -> None:
        """The Hub must know the license."""
        check_license(self.settings.license, self.settings.license_name)
        super().prepare()

    @property
    def picture_type(self) -> pa.DataType:
        """The bytes of a file, and its name."""
        return PICTURE

    @cached_property
    def class_names(self) -> list[str]:
        """The classes' names from 0 on; empty where the shards do not tell."""
        if self.several_labels:
            return []
        names = read_class_names(self.samples.dataset)
        labels = np.unique(read_labels(self.samples.dataset))
        last = int(labels[-1]) if len(labels) else -1
        if not names or last >= 1 << 16:
            return []
        known = [names.get(label, str(label)) for label in range(last + 1)]
        return known if len(set(known)) == len(known) else []

    @cached_property
    def features(self) -> dict[str, dict[str, Any]]:
        """The columns as `datasets` describes them."""
        found: dict[str, dict[str, Any]] = {}
        for field in super().schema:
            if field.name in self.pictures:
                found[field.name] = {"_type": "Image"}
            elif field.name == "labels":
                found[field.name] = {"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"}
            elif field.name == "label" and self.class_names:
                found[field.name] = {"names": self.class_names, "_type": "ClassLabel"}
            else:
                found[field.name] = {"dtype": _DTYPES[str(field.type)], "_type": "Value"}
        return found

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns, with what `datasets` wants to know of them."""
        about = json.dumps({"info": {"features": self.features}})
        return super().schema.with_metadata({"huggingface": about})

    def picture_column(self, rows: list[Row], name: str) -> pa.Array:
        """Files of the names that their samples' keys give."""
        ends = {"photo": "", "mask": ".mask.png", "background": ".bg.jpg"}
        names = [f"{row['key']}{ends[name] or '.' + row['ending']}" for row in rows]
        data = array_of([row[name] for row in rows], pa.binary())
        return pa.StructArray.from_arrays([data, array_of(names, pa.string())], fields=list(PICTURE))

    def finish(self, rows: Iterable[Row]) -> None:
        """Write the card and the metadata."""
        files = list(rows)
        card = render_card(
            title=self.title,
            license_id=self.settings.license,
            terms=self.settings.terms,
            split=self.split,
            features=self.features,
            files=files,
            masks=describe_masks(self.samples.dataset.manifest),
        )
        self.output.write(CARD, card.encode())
        self.write_metadata(files, "bytes")


_DTYPES = {"string": "string", "int64": "int64", "int32": "int32", "double": "float64"}
