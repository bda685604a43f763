"""What the tests of sources share: small real JPEGs, a way to open a source, independent reading."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from maskgen.config.run_config import RunConfig
from maskgen.pipelines.sources import ByteReader, Listing, open_source, source_root
from maskgen.types import SourceItem


@pytest.fixture(scope="session")
def jpeg() -> Callable[[int], bytes]:
    """A small JPEG, another one for every seed."""

    def make(seed: int) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (16, 24, 3), np.uint8)
        return bytes(cv2.imencode(".jpg", pixels)[1])

    return make


class Opened:
    """A source that was listed, and its bytes."""

    def __init__(self, dataset: str, place: Path | str, **options: Any) -> None:
        config = RunConfig(dataset=dataset, input=str(place), output="out", **options)
        source = open_source(config)
        assert isinstance(source, Listing)
        self.source = source
        self.root = source_root(config)
        self.items: list[SourceItem] = list(source.items())
        assert list(source.items()) == self.items, "a second listing differs"
        if config.dataset in ("imagenet", "jft", "webdataset", "folder", "coco"):
            notes = source.notes
            parts = pickle.loads(pickle.dumps(source.parts()))  # as they go to other processes
            assert [item for part in parts for item in part(source.found)] == self.items
            assert source.notes == notes

    @property
    def names(self) -> list[str]:
        return [item.name for item in self.items]

    @property
    def labels(self) -> dict[str, Any]:
        return {item.name: item.label for item in self.items}

    def bytes(self, order: int | None = None) -> dict[str, bytes]:
        """Name to bytes by ByteReader, in listing order or shuffled by a seed."""
        reader = ByteReader(self.root, 64 << 20)
        items = list(self.items)
        if order is not None:
            random.Random(order).shuffle(items)
        found = {item.name: reader.read(item.ref) for item in items}
        reader.close()
        return {item.name: found[item.name] for item in self.items}


@pytest.fixture(scope="session")
def opened() -> type[Opened]:
    return Opened


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Write files by relative path below the test's folder, in a shuffled order."""

    def make(files: dict[str, bytes]) -> Path:
        names = list(files)
        random.Random(len(names)).shuffle(names)
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        return tmp_path

    return make


@pytest.fixture
def shuffled_scandir(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make the file system list its folders in another order."""
    import os

    real = os.scandir

    class Scan:
        def __init__(self, path: Any, seed: int) -> None:
            with real(path) as scan:
                self._found = list(scan)
            random.Random(seed).shuffle(self._found)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self._found)

        def __exit__(self, *_: object) -> None:
            pass

    def use(seed: int) -> None:
        monkeypatch.setattr(os, "scandir", lambda path=".": Scan(path, seed))

    return use
