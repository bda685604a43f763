"""How the masks of a data set were made, and under which terms their weights are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskgen.methods.registry import METHODS
from maskgen.shards.manifest import Manifest

TITLE = "Foreground masks"
"""Of a data set that was given no name."""
OWN = {"license": "Apache-2.0", "terms": "https://www.apache.org/licenses/LICENSE-2.0"}
"""Of the weights that come with maskgen."""


def describe_masks(manifest: Manifest) -> dict[str, Any]:
    """How the masks were made, as JSON values.

    Args:
        manifest: of the data set.

    Returns:
        ``method``, ``refine``, ``threshold``, ``level`` (the smallest stored value that is foreground),
        ``background``, ``versions``; and ``weights`` with their ``sha256``,
        ``name``, ``license`` and ``terms``, where these are known, None for a method without any.
    """
    identity = manifest.identity
    options = identity["options"]
    return {
        "method": options["method"],
        "refine": options.get("refine"),
        "threshold": manifest.threshold,
        "level": manifest.level,
        "background": options.get("background"),
        "weights": _weights(identity),
        "versions": identity.get("versions", {}),
    }


def describe_in_words(masks: Mapping[str, Any]) -> str:
    """What `describe_masks` found, in a sentence."""
    version = masks["versions"].get("maskgen", "")
    return (
        f"Foreground masks by the method {masks['method']} of maskgen {version}".rstrip()
        + f"; a pixel of {masks['level']} or more is foreground (threshold {masks['threshold']:g})."
    )


def _weights(identity: dict[str, Any]) -> dict[str, str] | None:
    sha256 = identity.get("weights_sha256")
    if not sha256:
        return None
    known = identity.get("weights")
    if known is None and _released_sha256(identity["options"]["method"]) == sha256:
        known = {"name": f"maskgen {identity['options']['method']}", **OWN}
    return {"sha256": sha256, **(known or {})}


def _released_sha256(method: str) -> str:
    """Of the weights of a method that come with maskgen; empty for one without such."""
    spec = METHODS.get(method)
    if spec is None or not spec.released:
        return ""
    facts = json.loads(Path(spec.released).with_suffix(".json").read_text())
    return str(facts["weights"]["sha256"])
