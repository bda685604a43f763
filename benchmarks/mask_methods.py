"""Mask methods as a command line names them, and their maps, each made once and kept.

A method is named ``METHOD[:WEIGHTS][,option=value ...]``, with the fields of `MethodOptions`, as in ``vote``,
``u2netp:u2netp.pth,resize=official`` or ``onnx:student.onnx,network=student.toml``. Beside maskgen's methods
there are `FUSIONS`, steps of `vote` that are no methods of their own.

A map is kept below the method's name, its options and the hash of its weights. What is kept does not know
when the code of a method has changed: give another work folder, or remove the method's, after that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from photo_sets import PhotoSet

from maskgen.errors import UsageError
from maskgen.evaluation.reading import read_photo
from maskgen.io.atomic import file_sha256, write_atomic
from maskgen.methods import METHODS, MethodOptions, make_method
from maskgen.methods.priors.scene import Scene, prepare, restore
from maskgen.methods.priors.vote import Thresholds, hard_vote, prior_maps
from maskgen.methods.refine.registry import add_refinement
from maskgen.types import RGB, Method, SoftMask

_PRIORS = ("rbd", "mr", "mc", "dsr")


@lru_cache(1)
def _voters(pixels: bytes, shape: tuple[int, ...]) -> tuple[Scene, NDArray[np.float64]]:
    scene = prepare(np.frombuffer(pixels, np.uint8).reshape(shape))
    return scene, prior_maps(scene)


def _fusion(fuse: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Method:
    def make(photo: RGB) -> SoftMask:
        scene, maps = _voters(photo.tobytes(), photo.shape)
        return restore(scene, fuse(maps))

    return make


FUSIONS: dict[str, tuple[Method, float]] = {
    "mean": (
        _fusion(lambda maps: maps.mean(axis=0)),
        float(np.mean([METHODS[name].threshold for name in _PRIORS])),
    ),
    "hard-vote": (_fusion(lambda maps: hard_vote(maps, Thresholds())), 0.5),
    "hard-vote-own": (_fusion(hard_vote), 0.5),
}
"""Ways to bring the four priors together that `vote` is compared with, and their thresholds.

The mean of the maps; the share of maps above a data set's thresholds; the same with each map's own.
"""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One method to be measured.

    Args:
        label: as it is shown.
        name: of `METHODS` or `FUSIONS`.
        options: for `make_method`.
    """

    label: str
    name: str
    options: MethodOptions

    @property
    def threshold(self) -> float:
        """Mask value from which a pixel is foreground."""
        return FUSIONS[self.name][1] if self.name in FUSIONS else METHODS[self.name].threshold

    @cached_property
    def key(self) -> str:
        """The folder of its maps: name, options, hash of the weights and of the file that describes them."""
        default, words = dataclasses.asdict(MethodOptions()), [self.name]
        for option, value in dataclasses.asdict(self.options).items():
            released = METHODS[self.name].released if option == "weights" and self.name in METHODS else ""
            file = Path(str(value) or released)
            if option in ("weights", "network") and file.is_file():
                words.append(f"{option}={file_sha256(file)[:16]}")
            elif value != default[option]:
                words.append(f"{option}={value}")
        return ",".join(words)

    @cached_property
    def method(self) -> Method:
        """Ready to be called; built when it is first needed."""
        if self.name not in FUSIONS:
            return make_method(self.name, self.options)
        method, threshold = FUSIONS[self.name]
        refine = self.options.refine
        return method if refine in ("auto", "none") else add_refinement(method, refine, threshold)

    def alone(self, photo: RGB) -> SoftMask:
        """The map without help from what was computed for another method on the same photo."""
        _voters.cache_clear()
        return self.method(photo)


def read_candidate(text: str) -> Candidate:
    """The method of one argument.

    Raises:
        UsageError: no such method or option, or weights that are not there.
    """
    head, *pairs = text.split(",")
    name, _, weights = head.partition(":")
    if name not in METHODS and name not in FUSIONS:
        raise UsageError(f"no method {name!r}", remedy=f"known: {', '.join((*METHODS, *FUSIONS))}")
    values: dict[str, Any] = dict(pair.partition("=")[::2] for pair in pairs)
    known = {field.name for field in dataclasses.fields(MethodOptions)} - {"weights", "compile"}
    if not values.keys() <= known:
        raise UsageError(f"no option {min(values.keys() - known)!r} in {text!r}", remedy=f"known: {known}")
    if weights and not Path(weights).is_file():
        raise UsageError("there are no such weights", where=weights)
    label = ",".join([f"{name}:{Path(weights).name}" if weights else name, *pairs])
    return Candidate(label, name, MethodOptions(weights=weights, **values))


def default_arguments(data: Path) -> list[str]:
    """Every method that needs no weights of the user's, the cheap ones first, and U²-Net-p where it lies."""
    free = [name for name, spec in METHODS.items() if (spec.prior and name != "box") or spec.released]
    return [*free, *u2netp(data)]


def u2netp(data: Path) -> list[str]:
    """U²-Net-p with the weights among the data, the unit of all speeds; nothing where they are not."""
    return [f"u2netp:{path}" for path in sorted((data / "weights" / "u2netp").glob("*.pth"))[:1]]


def make_maps(
    candidates: list[Candidate], photos: PhotoSet, work: Path, tick: Callable[[PhotoSet, int], None]
) -> None:
    """Make every map that is not kept yet, photo by photo, as 8-bit gray PNGs in `maps_folder`."""
    for done, (name, blob) in enumerate(photos.photos.items(), 1):
        paths = {one: maps_folder(work, one, photos) / f"{name}.png" for one in candidates}
        missing = [one for one, path in paths.items() if not path.exists()]
        photo = read_photo(blob) if missing else None
        for one in missing:
            assert photo is not None
            levels = np.rint(255 * one.method(photo)).astype(np.uint8)
            paths[one].parent.mkdir(parents=True, exist_ok=True)
            write_atomic(paths[one], bytes(cv2.imencode(".png", levels)[1]))
        tick(photos, done)


def maps_folder(work: Path, candidate: Candidate, photos: PhotoSet) -> Path:
    """Where the maps of a method on a set lie."""
    return work / "maps" / candidate.key / photos.name
