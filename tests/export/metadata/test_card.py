from __future__ import annotations

from typing import Any

import pytest
import yaml

from maskgen.export.metadata.card import render_card, size_category

FEATURES: dict[str, dict[str, Any]] = {
    "key": {"dtype": "string", "_type": "Value"},
    "mask": {"_type": "Image"},
    "label": {"names": ["cat: big", "no", "1"], "_type": "ClassLabel"},
    "labels": {"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"},
}
MASKS: dict[str, Any] = {
    "method": "isnet",
    "level": 128,
    "threshold": 0.5,
    "versions": {"maskgen": "1.2"},
    "weights": {"sha256": "abc", "name": "isnet", "license": "Apache-2.0", "terms": "https://x"},
}
FILES = [{"file": "data/val-00000-of-00002.parquet", "bytes": 70, "samples": n} for n in (600, 500)]


def card(**changes: Any) -> tuple[dict[str, Any], str]:
    facts: dict[str, Any] = {"title": "Cats: the masks", "split": "val"}
    facts |= dict.fromkeys(("license_id", "terms"), "cc-by-4.0")
    text = render_card(**{**facts, "features": FEATURES, "files": FILES, "masks": MASKS, **changes})
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_programs_read_its_head() -> None:
    head, _ = card()
    assert (head["license"], head["pretty_name"]) == ("cc-by-4.0", "Cats: the masks")
    assert head["size_categories"] == ["1K<n<10K"]
    assert head["configs"][0]["data_files"] == [{"split": "val", "path": "data/val-*"}]
    info = head["dataset_info"]
    assert info["splits"] == [{"name": "val", "num_bytes": 140, "num_examples": 1100}]
    assert [one["name"] for one in info["features"]] == list(FEATURES)
    assert info["features"][2]["dtype"]["class_label"]["names"] == {"0": "cat: big", "1": "no", "2": "1"}


def test_people_read_the_terms() -> None:
    _, body = card()
    for text in ("isnet", "Apache-2.0 (https://x)", "`abc`", "cc-by-4.0", "`label`"):
        assert text in body
    head, body = card(license_id="", terms="", masks={**MASKS, "weights": {"sha256": "abc"}})
    assert "license" not in head
    assert "not stated by whoever exported it" in body
    assert "not known to maskgen" in body
    assert "the method has none" in card(masks={**MASKS, "weights": None})[1]


def test_a_license_that_the_hub_does_not_know_is_named() -> None:
    head, body = card(license_id="other", terms="mine: 1.0")
    assert (head["license"], head["license_name"]) == ("other", "mine: 1.0")
    assert "mine: 1.0" in body
    assert "license_name" not in card()[0]


@pytest.mark.parametrize(("samples", "name"), [(0, "n<1K"), (1000, "1K<n<10K"), (10**7, "10M<n<100M")])
def test_sizes(samples: int, name: str) -> None:
    assert size_category(samples) == name
