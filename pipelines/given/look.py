"""What a place of masks holds, before any of them is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.io.atomic import file_sha256
from maskgen.io.storage.address import is_address
from maskgen.shards import manifest, naming

from .tree import tree_sha256

_HALF = 0.5
_KINDS = "a folder of PNG files, an instances_*.json, or a folder of shards"


@dataclass(frozen=True, slots=True)
class GivenMasks:
    """The masks that a run is given.

    Args:
        kind: ``tree``, ``coco`` or ``shards``.
        path: where they are.
        sha256: of what they are: names and contents of a tree, the JSON file, the shards.
        threshold: value from which a pixel is foreground.
        made: of shards, how their masks were made.
    """

    kind: str
    path: str
    sha256: str
    threshold: float = _HALF
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> dict[str, Any]:
        """What samples depend on; the place does not belong to it."""
        return {"kind": self.kind, "sha256": self.sha256, **self.made}


def look_at(place: str) -> GivenMasks:
    """What masks a place holds.

    Args:
        place: a folder or file.

    Raises:
        UsageError: nothing is there, or no masks.
        ShardFault: a manifest is damaged.
        SourceFault: a folder cannot be listed.
    """
    path = Path(place)
    if not place or is_address(place) or not path.exists():
        raise UsageError(
            "--method files needs the masks on this machine" if place else "--method files needs --masks",
            where=place,
            remedy=f"give --masks {_KINDS}",
        )
    if path.is_file():
        return GivenMasks("coco", place, file_sha256(path))
    if (path / naming.MANIFEST).exists() or (path / naming.PLAN).exists():
        whole = manifest.read(path)
        tars = [[record.name, record.files["tar"].sha256] for record in whole.shards if "tar" in record.files]
        options = whole.identity["options"]
        made = {
            "method": options["method"],
            "weights_sha256": whole.identity["weights_sha256"],
            "fingerprint": digest(whole.identity),
        }
        threshold = _HALF if options["binary"] else whole.threshold
        return GivenMasks("shards", place, digest(tars), threshold, made)
    return GivenMasks("tree", place, tree_sha256(path))
