"""What a cache holds, and what it must give back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.reading.samples import SampleReader
from maskgen.loaders.storage import cache


def read_all(dataset: Dataset, known: dict[str, bytes], samples: Any = None) -> None:
    reader = SampleReader(dataset, ("jpg",))
    taken = reader.take(np.arange(dataset.samples) if samples is None else samples, ("jpg",))
    for row, key in enumerate(reader.keys(taken.samples)):
        assert taken.encoded["jpg"][row].tobytes() == known[f"{key}.jpg"]
        assert taken.small.fg[row].tobytes() == known[f"{key}.fg"]
    reader.close()


def held(folder: Path, suffix: str = ".tar") -> dict[str, int]:
    files = [path for path in folder.glob("maskgen-*/*") if path.name.endswith(suffix)]
    return {path.name: path.stat().st_size for path in files}


def total(folder: Path) -> int:
    return sum(held(folder, "").values())


def small_bytes(path: Path) -> int:
    return sum(f.stat().st_size for f in path.iterdir() if f.suffix in (".idx", ".parquet", ".json"))


def tar_sizes(path: Path) -> list[int]:
    return [f.stat().st_size for f in sorted(path.glob("*.tar"))]


def count_fetches(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """From now on, how often each file is fetched, by its name."""
    reads: Counter[str] = Counter()
    fetch = cache.fetch_parts

    def counted(file: Path, size: int) -> Iterator[bytes]:
        reads[file.name] += 1
        return fetch(file, size)

    monkeypatch.setattr(cache, "fetch_parts", counted)
    return reads
