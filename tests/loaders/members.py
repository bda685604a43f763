"""What shards hold, read by tarfile, beside what a reader gives."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

from maskgen.loaders.reading.samples import SampleReader


def contents(path: Path) -> dict[str, bytes]:
    """Every member through tarfile."""
    found = {}
    for file in sorted(path.glob("*.tar")):
        with tarfile.open(file) as archive:
            for member in archive:
                found[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    return found


def compare(reader: SampleReader, taken: Any, known: dict[str, bytes]) -> None:
    """A batch holds exactly the members of the samples that it says it holds."""
    for row, key in enumerate(reader.keys(taken.samples)):
        assert taken.small.sat[row].astype("<u2").tobytes() == known[f"{key}.sat"]
        assert taken.small.fg[row].tobytes() == known[f"{key}.fg"]
        assert taken.small.meta[row].tobytes() == known[f"{key}.meta"]
        for ext, values in taken.encoded.items():
            assert values[row].tobytes() == known[f"{key}.{ext}"]
