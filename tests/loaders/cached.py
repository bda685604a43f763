"""What a cache holds, and what it must give back."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.reading.samples import SampleReader


def contents(path: Path) -> dict[str, bytes]:
    found = {}
    for file in sorted(path.glob("*.tar")):
        with tarfile.open(file) as archive:
            for member in archive:
                found[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    return found


def read_all(dataset: Dataset, known: dict[str, bytes], samples: Any = None) -> None:
    reader = SampleReader(dataset, ("jpg",))
    taken = reader.take(np.arange(dataset.samples) if samples is None else samples, ("jpg",))
    for row, key in enumerate(reader.keys(taken.samples)):
        assert taken.encoded["jpg"][row].tobytes() == known[f"{key}.jpg"]
        assert taken.small.fg[row].tobytes() == known[f"{key}.fg"]
    reader.close()


def held(cache: Path, suffix: str = ".tar") -> dict[str, int]:
    files = [path for path in cache.glob("maskgen-*/*") if path.name.endswith(suffix)]
    return {path.name: path.stat().st_size for path in files}


def total(cache: Path) -> int:
    return sum(held(cache, "").values())


def small_bytes(path: Path) -> int:
    return sum(f.stat().st_size for f in path.iterdir() if f.suffix in (".idx", ".parquet", ".json"))


def tar_sizes(path: Path) -> list[int]:
    return [f.stat().st_size for f in sorted(path.glob("*.tar"))]
