"""The photos that scikit-image ships in its wheel: a first run without any download."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from maskgen.errors import EnvironmentFault
from maskgen.types import ByteRef, SourceItem

from .listing import Listing, Notes, SourceOptions

PHOTOS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
"""Real photos only.

Drawings, test patterns, microscopy and the second view of the stereo pair are left out.
"""


def sample_folder() -> Path:
    """The data folder of the installed scikit-image, found without importing it.

    Raises:
        EnvironmentFault: scikit-image is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise EnvironmentFault("--dataset sample needs scikit-image", remedy="pip install scikit-image")
    return Path(spec.origin).parent / "data"


def open_sample(options: SourceOptions) -> Listing:
    """The photos named in `PHOTOS`, without labels."""
    return Listing(lambda notes: _items(options.root, notes))


def _items(root: Path, notes: Notes) -> Iterator[SourceItem]:
    for file in PHOTOS:
        path = root / file
        if path.is_file():
            yield SourceItem(path.stem, ByteRef(file, 0, path.stat().st_size), None, file)
        else:
            notes.add("photos are not in this scikit-image", file)
