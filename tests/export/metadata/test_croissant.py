from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.export.metadata.croissant import CONTEXT
from maskgen.loaders import Dataset, MaskReader

Export = Callable[..., tuple[Path, dict[str, Any]]]
DESCRIBED = ("png", "cutout", "imagefolder", "parquet", "hf")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object below a value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


@pytest.mark.parametrize("to", DESCRIBED)
def test_every_reference_has_its_node_and_every_file_is_there(to: str, export: Export) -> None:
    output, _ = export(to, license="cc-by-4.0", title="Mine")
    metadata = json.loads((output / "croissant.json").read_text())
    assert (metadata["name"], metadata["license"]) == ("Mine", "cc-by-4.0")
    assert metadata["@context"] == CONTEXT
    found = [node for node in nodes({**metadata, "@context": None}) if "@id" in node]
    defined = [node["@id"] for node in found if "@type" in node]
    assert len(defined) == len(set(defined))
    assert {node["@id"] for node in found if "@type" not in node} <= set(defined)
    files = [path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()]
    for node in found:
        if node.get("@type") == "cr:FileObject":
            assert node["contentUrl"] in files
        if node.get("@type") == "cr:FileSet":
            pattern = re.compile(re.escape(node["includes"]).replace(r"\*", ".*"))
            assert any(pattern.fullmatch(file) for file in files)


@pytest.mark.slow
@pytest.mark.parametrize("to", DESCRIBED)
@pytest.mark.filterwarnings("ignore")  # of the libraries that mlcroissant uses
def test_mlcroissant_validates_and_reads_it(
    to: str, export: Export, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    output, _ = export(to, license="cc-by-4.0")
    monkeypatch.chdir(output)  # it looks for files of a set there
    opened = mlcroissant.Dataset("croissant.json")
    assert not opened.metadata.ctx.issues.errors
    reader = MaskReader(dataset)
    rows = list(opened.records("samples"))
    assert [row["samples/key"].decode() for row in rows] == list(reader.keys())
    if to in ("parquet", "hf"):
        for row in rows:
            assert (np.asarray(row["samples/mask"]) == reader[row["samples/key"].decode()]).all()
    else:
        pictures = {row["pictures/path"].decode() for row in opened.records("pictures")}
        assert pictures == {row["samples/mask"].decode() for row in rows}
