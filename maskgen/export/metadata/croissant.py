"""Croissant metadata, `croissant.json`: what files a data set has, and what is in their columns.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html, version 1.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .provenance import describe_in_words

FILE = "croissant.json"
VERSION = "http://mlcommons.org/croissant/1.0"
PARQUET = "application/x-parquet"
CSV = "text/csv"
PNG = "image/png"
_OURS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet"),
    *("format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
    *("references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField"),
    "transform",
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in _OURS},
}
"""The vocabulary of the specification."""


class Column(NamedTuple):
    """A column of a record set.

    Args:
        name: of the column, also in its file.
        kind: ``sc:Text``, ``sc:Integer``, ``sc:Float`` or ``sc:ImageObject``.
        inner: the name of the field that holds a picture's bytes, where these are not the whole value.
        repeated: whether it holds a list.
    """

    name: str
    kind: str
    inner: str = ""
    repeated: bool = False


def file_object(name: str, kind: str, size: int, sha256: str) -> dict[str, Any]:
    """A file: its path from the metadata, its MIME type, its size in bytes, its SHA-256."""
    facts = {"name": name, "contentUrl": name, "contentSize": f"{size} B", "encodingFormat": kind}
    return {"@type": "cr:FileObject", "@id": name, **facts, "sha256": sha256}


def file_set(name: str, kind: str, pattern: str) -> dict[str, Any]:
    """Files whose paths from the metadata fit a pattern."""
    facts = {"name": name, "encodingFormat": kind, "includes": pattern}
    return {"@type": "cr:FileSet", "@id": name, **facts}


def record_set(name: str, source: Mapping[str, Any], columns: Iterable[Column]) -> dict[str, Any]:
    """Records that are rows of tables.

    Args:
        name: of the set.
        source: a `file_object` or a `file_set` of tables.
        columns: of these.
    """
    fields = []
    for column in columns:
        fields.append(_field(name, column.name, column.kind, source, {"column": column.name}))
        if column.inner:
            fields[-1]["source"]["transform"] = {"jsonPath": column.inner}
        if column.repeated:
            fields[-1]["repeated"] = True
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def picture_set(name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """Records that are the pictures of a `file_set`: each one's path and content."""
    fields = [
        _field(name, "path", "sc:Text", source, {"fileProperty": "fullpath"}),
        _field(name, "picture", "sc:ImageObject", source, {"fileProperty": "content"}),
    ]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def _field(
    records: str, name: str, kind: str, source: Mapping[str, Any], extract: Mapping[str, str]
) -> dict[str, Any]:
    where = "fileObject" if source["@type"] == "cr:FileObject" else "fileSet"
    read = {where: {"@id": source["@id"]}, "extract": dict(extract)}
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "dataType": kind,
        "source": read,
    }


def render_croissant(
    *,
    title: str,
    terms: str,
    masks: Mapping[str, Any],
    distribution: Sequence[Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
) -> bytes:
    """The bytes of the file.

    Args:
        title: of the data set.
        terms: its license; empty where nobody said.
        masks: see `describe_masks`.
        distribution: its files.
        records: what is in them.
    """
    weights = masks["weights"] or {}
    note = f" SHA-256 of the weights: {weights['sha256']}." if weights else ""
    note += f" License of the weights: {weights['license']}." if "license" in weights else ""
    facts: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": title,
        "description": describe_in_words(masks) + note,
        "conformsTo": VERSION,
        "version": "1.0.0",
        **({"license": terms} if terms else {}),
        "distribution": distribution,
        "recordSet": records,
    }
    return (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode()
