"""Tables with everything of a sample in a row: a Parquet file for each part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskgen.io.arrow import array_of
from maskgen.io.images.encode import encode_mask_png
from maskgen.loaders.dataset.labels import shard_labels

from ..metadata.croissant import FILE, PARQUET, Column, file_object, file_set, record_set, render_croissant
from ..metadata.provenance import describe_masks
from ..output import HashedFile
from ..samples import Sample
from .format import Format, Row, background_quality, has_backgrounds, has_photos

GROUP_ROWS = 100
GROUP_BYTES = 32 << 20
"""Of a row group at most, so that whoever reads one row reads little more, and little is held."""
_SPLIT = re.compile(r"\w+")


class Tables(Format):
    """Parquet files of the columns `schema`; pictures are the bytes of their files."""

    def prepare(self) -> None:
        """Photos are there, or not asked for."""
        self.schema  # noqa: B018 - the labels are looked at before anything is written

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """Columns of pictures."""
        photos = has_photos(self.samples) and not self.settings.masks_only
        grounds = has_backgrounds(self.samples) and not self.settings.masks_only
        return (*(["photo"] if photos else []), "mask", *(["background"] if grounds else []))

    @cached_property
    def several_labels(self) -> bool:
        """Whether a sample may have several classes."""
        dataset = self.samples.dataset
        return any(isinstance(label, tuple) for s in dataset.shards for label in shard_labels(dataset, s))

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns: key, source, the pictures, label or labels, coverage, confidence, width, height."""
        label = ("labels", pa.list_(pa.int64())) if self.several_labels else ("label", pa.int64())
        return pa.schema(
            [
                pa.field("key", pa.string()),
                pa.field("source", pa.string()),
                *(pa.field(name, self.picture_type) for name in self.pictures),
                pa.field(*label),
                pa.field("coverage", pa.float64()),
                pa.field("confidence", pa.float64()),
                pa.field("width", pa.int32()),
                pa.field("height", pa.int32()),
            ]
        )

    @property
    def picture_type(self) -> pa.DataType:
        """Of a column of pictures."""
        return pa.binary()

    def picture_column(self, rows: list[Row], name: str) -> pa.Array:
        """A column of pictures."""
        return array_of([row[name] for row in rows], pa.binary())

    @property
    def split(self) -> str:
        """The split of the data set that the shards were made of."""
        split = str(self.samples.dataset.manifest.identity["options"].get("split") or "")
        return split if _SPLIT.fullmatch(split) else "train"

    def convert(self, sample: Sample) -> Row:
        """A row."""
        facts = sample.facts
        make = {
            "photo": lambda: sample.photo,
            "mask": lambda: encode_mask_png(sample.mask(binary=self.settings.binary), binary=False),
            "background": lambda: sample.background(background_quality(self.samples)),
        }
        one = facts.label if isinstance(facts.label, int) and facts.label >= 0 else None
        several = list(facts.label) if isinstance(facts.label, tuple) else [] if one is None else [one]
        return {
            "key": facts.key,
            "source": facts.path,
            **{name: make[name]() for name in self.pictures},
            "ending": sample.photo_ending,
            "label": one,
            "labels": several,
            "coverage": facts.area,
            "confidence": facts.confidence,
            "width": facts.size[1],
            "height": facts.size[0],
        }

    def file_name(self, part: int) -> str:
        """Of a part."""
        return f"data/{self.split}-{part:05d}-of-{self.parts:05d}.parquet"

    def write_part(self, part: int, rows: Iterator[Row]) -> Iterable[Row]:
        """Write a file, a row group at a time; what is kept is its name, size, SHA-256 and rows."""
        count, name = 0, self.file_name(part)
        with self.output.open(name) as file:
            hashed = HashedFile(file)
            options: dict[str, Any] = {
                "compression": "zstd",
                "use_dictionary": False,
                "write_statistics": [one.name for one in self.schema if one.name not in self.pictures],
            }
            with pq.ParquetWriter(hashed, self.schema, **options) as writer:
                for group in _groups(rows, self.pictures):
                    writer.write_table(self._table(group))
                    count += len(group)
        return [{"file": name, "bytes": hashed.size, "sha256": hashed.sha256, "samples": count}]

    def finish(self, rows: Iterable[Row]) -> None:
        """Write the metadata."""
        self.write_metadata(list(rows), "")

    def write_metadata(self, files: list[Row], inner: str) -> None:
        """Write `croissant.json`.

        Args:
            files: that were written.
            inner: the name of the field that holds a picture's bytes in its column.
        """
        tables = file_set("tables", PARQUET, "data/*.parquet")
        columns = [
            Column(one.name, "sc:ImageObject", inner)
            if one.name in self.pictures
            else Column(one.name, _KINDS[str(one.type)], repeated=one.name == "labels")
            for one in self.schema
        ]
        made = [file_object(one["file"], PARQUET, one["bytes"], one["sha256"]) for one in files]
        metadata = render_croissant(
            title=self.title,
            terms=self.settings.terms,
            masks=describe_masks(self.samples.dataset.manifest),
            distribution=[*made, tables],
            records=[record_set("samples", tables, columns)],
        )
        self.output.write(FILE, metadata)

    def _table(self, rows: list[Row]) -> pa.Table:
        columns = [
            self.picture_column(rows, field.name)
            if field.name in self.pictures
            else array_of([row[field.name] for row in rows], field.type)
            for field in self.schema
        ]
        return pa.Table.from_arrays(columns, schema=self.schema)


_KINDS = {
    "string": "sc:Text",
    "int64": "sc:Integer",
    "int32": "sc:Integer",
    "double": "sc:Float",
    "list<item: int64>": "sc:Integer",
}


def _groups(rows: Iterable[Row], pictures: tuple[str, ...]) -> Iterator[list[Row]]:
    group: list[Row] = []
    held = 0
    for row in rows:
        group.append(row)
        held += sum(len(row[name]) for name in pictures)
        if len(group) == GROUP_ROWS or held >= GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group
