"""The card of a data set on the Hugging Face Hub: README.md with facts for programs in its head.

https://huggingface.co/docs/hub/datasets-cards
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .provenance import describe_in_words

CARD = "README.md"
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)
_COLUMNS = {
    "key": "unique name of the sample",
    "source": "path of the photo in its source",
    "photo": "the photo",
    "mask": "8-bit gray, the photo's size, 255 is foreground",
    "background": "the photo without its foreground",
    "label": "class",
    "labels": "classes",
    "coverage": "share of the photo that is foreground, 0 to 1",
    "confidence": "how far the mask is to be trusted, 0 to 1",
    "width": "of the photo, px",
    "height": "of the photo, px",
}


def size_category(samples: int) -> str:
    """How the Hub speaks of a number of samples.

    Example:
        >>> from maskgen.export.metadata.card import size_category
        >>> size_category(999), size_category(1_281_167)
        ('n<1K', '1M<n<10M')
    """
    return next((name for limit, name in _SIZES if samples < limit), "10M<n<100M")


def render_card(
    *,
    title: str,
    license_id: str,
    terms: str,
    split: str,
    features: Mapping[str, Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
    masks: Mapping[str, Any],
) -> str:
    """The text of the card.

    Args:
        title: of the data set.
        license_id: its license as the Hub names it; empty where nobody said.
        terms: what it is called.
        split: its one split.
        features: the columns, as `datasets` describes them.
        files: names, sizes and samples of its files.
        masks: see `describe_masks`.
    """
    lines = [
        "---",
        *_license(license_id, terms),
        *_head(split, features, files, title),
        "---",
        "",
        f"# {title}",
        "",
    ]
    lines += [describe_in_words(masks), "", *_terms(terms, masks), "", "| column | what |", "|---|---|"]
    lines += [f"| `{name}` | {_COLUMNS[name]} |" for name in features]
    return "\n".join([*lines, "", *_SCRIPT, ""])


_SCRIPT = [
    "```python",
    "from datasets import load_dataset",
    "",
    'data = load_dataset("<this repository>")',
    "```",
]


def _license(license_id: str, terms: str) -> Iterator[str]:
    if license_id:
        yield f"license: {json.dumps(license_id)}"
    if terms != license_id:
        yield f"license_name: {json.dumps(terms, ensure_ascii=False)}"


def _head(
    split: str,
    features: Mapping[str, Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
    title: str,
) -> Iterator[str]:
    """YAML; every text in it is written as JSON, which is YAML too."""
    samples = sum(one["samples"] for one in files)
    yield f"pretty_name: {json.dumps(title, ensure_ascii=False)}"
    yield "task_categories:\n- image-segmentation"
    yield f"size_categories:\n- {json.dumps(size_category(samples))}"
    yield "tags:\n- saliency\n- foreground-masks\n- maskgen"
    yield f"configs:\n- config_name: default\n  data_files:\n  - split: {json.dumps(split)}"
    yield f"    path: {json.dumps(f'data/{split}-*')}"
    yield "dataset_info:\n  features:"
    for name, feature in features.items():
        yield f"  - name: {name}"
        yield from _feature(feature)
    size = sum(one["bytes"] for one in files)
    yield f"  splits:\n  - name: {json.dumps(split)}\n    num_bytes: {size}\n    num_examples: {samples}"
    yield f"  download_size: {size}\n  dataset_size: {size}"


def _feature(feature: Mapping[str, Any]) -> Iterator[str]:
    kind = feature["_type"]
    if kind == "Image":
        yield "    dtype: image"
    elif kind == "List":
        yield f"    list: {feature['feature']['dtype']}"
    elif kind == "ClassLabel":
        yield "    dtype:\n      class_label:\n        names:"
        for number, name in enumerate(feature["names"]):
            yield f"          '{number}': {json.dumps(name, ensure_ascii=False)}"
    else:
        yield f"    dtype: {feature['dtype']}"


def _terms(terms: str, masks: Mapping[str, Any]) -> Iterator[str]:
    weights = masks["weights"]
    yield "| terms | |"
    yield "|---|---|"
    yield f"| license of this data set | {terms or 'not stated by whoever exported it'} |"
    if weights is None:
        yield "| weights | the method has none |"
        return
    yield f"| weights | {weights.get('name', 'of whoever exported it')} |"
    known = f"{weights['license']} ({weights['terms']})" if "license" in weights else "not known to maskgen"
    yield f"| license of the weights | {known} |"
    yield f"| SHA-256 of the weights | `{weights['sha256']}` |"
