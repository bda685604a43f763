from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maskgen.export.metadata.provenance import describe_in_words, describe_masks
from maskgen.loaders import Dataset
from maskgen.methods.registry import METHODS


def described(dataset: Dataset, method: str, **identity: Any) -> dict[str, Any]:
    manifest = dataset.manifest
    options = {**manifest.identity["options"], "method": method}
    return describe_masks(replace(manifest, identity={**manifest.identity, "options": options, **identity}))


def test_a_method_without_weights(dataset: Dataset) -> None:
    masks = described(dataset, "mr")
    assert masks["weights"] is None
    assert describe_in_words(masks).startswith("Foreground masks by the method mr of maskgen ")


def test_weights_that_come_with_maskgen_are_under_its_license(dataset: Dataset) -> None:
    sha256 = hashlib.sha256(Path(METHODS["fast"].released).read_bytes()).hexdigest()
    assert described(dataset, "fast", weights_sha256=sha256)["weights"] == {
        "sha256": sha256,
        "name": "maskgen fast",
        "license": "Apache-2.0",
        "terms": "https://www.apache.org/licenses/LICENSE-2.0",
    }


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (None, {}),
        ({"name": "isnet", "license": "L", "terms": "T"}, {"name": "isnet", "license": "L", "terms": "T"}),
    ],
)
def test_other_weights_are_what_the_manifest_says(dataset: Dataset, known: Any, told: Any) -> None:
    given = {"weights_sha256": "ab"} | ({"weights": known} if known else {})
    for method in ("fast", "onnx", "gone"):
        assert described(dataset, method, **given)["weights"] == {"sha256": "ab", **told}
