"""A small data set of drawn photos whose masks are known by a formula, committed as `maskgen run` would."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parent))  # epochs.py is imported by several tests

from maskgen.backgrounds.tiled import tiled
from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.io.images.encode import encode_jpeg
from maskgen.shards import manifest, naming
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import Plan, PlannedShard
from maskgen.shards.sample import MaskPair, SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import Box, Filled

MISSING = object()


@dataclass(frozen=True)
class Drawing:
    """One drawn sample.

    The photo's red channel is high inside the ellipse and low outside; green grows with the column from 0 at
    the left to 255 at the right edge, blue with the row, so that each pixel tells where it came from.
    """

    key: str
    label: int | None
    image: NDArray[np.uint8]
    mask: NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        return (self.image.shape[0], self.image.shape[1])


@dataclass(frozen=True)
class Recipe:
    """What the data set is to look like.

    `texture` is the deviation of grain laid over the photos, in levels. Backgrounds are tiled ones with
    `tiled`; else they are flat, and called telea's.
    """

    samples: int = 22
    shard_size: int = 6
    labelled: bool = True
    empty: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    seed: int = 0
    repeat_keys_after: int = 1000
    reverse_keys: bool = False
    texture: float = 0.0
    tiled: bool = False
    options: dict[str, object] = field(default_factory=dict)

    @property
    def config(self) -> RunConfig:
        background = "tiled" if self.tiled else "telea"
        values = {"method": "box", "background": background, "threshold": 0.5, **self.options}
        return RunConfig(dataset="sample", output="x", **values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Drawn:
    """A folder of shards and the drawings in it, in order, without the failed ones."""

    path: Path
    drawings: tuple[Drawing, ...]

    def by_key(self, key: str) -> Drawing:
        return next(drawing for drawing in self.drawings if drawing.key == key)

    def shards(self, suffix: str = "tar") -> list[Path]:
        return sorted(self.path.glob(f"*.{suffix}"))


def draw(number: int, recipe: Recipe) -> Drawing:
    """A photo with a soft-edged ellipse, or without one."""
    rng = np.random.default_rng([recipe.seed, number])
    height, width = (int(v) for v in rng.integers(90, 240, 2))
    y, x = np.mgrid[0:height, 0:width] + 0.5
    centre, radius = rng.uniform(0.3, 0.7, 2), rng.uniform(0.15, 0.4, 2)
    reach = np.hypot((y / height - centre[0]) / radius[0], (x / width - centre[1]) / radius[1])
    edge_px = (1 - reach) * radius.min() * min(height, width)
    inside = 1 / (1 + np.exp(-np.clip(edge_px, -30, 30)))
    if number in recipe.empty:
        inside = np.zeros_like(inside)
    image = np.stack([20 + 215 * inside, 255 * x / width, 255 * y / height], axis=-1)
    if recipe.texture:
        grain = ndimage.gaussian_filter(rng.normal(size=image.shape), (1, 1, 0))
        image = np.clip(image + recipe.texture * grain / grain.std(), 0, 255)
    label = int(rng.integers(0, 10)) if recipe.labelled else None
    shown = 1000 - number if recipe.reverse_keys else number % recipe.repeat_keys_after
    return Drawing(
        f"s{shown:04d}",
        label,
        np.rint(image).astype(np.uint8),
        inside.astype(np.float32),
    )


def build(path: Path, recipe: Recipe, *, commit: int | None = None) -> Drawn:
    """Write the data set into `path`; `commit` shards only, when given, as after a killed run."""
    config = recipe.config
    members = naming.members(
        photo=config.layout == "full",
        background=config.background != "none",
        classes=recipe.labelled,
        lean=config.members == "lean",
    )
    (path / naming.RECORDS).mkdir(parents=True)
    starts = range(0, recipe.samples, recipe.shard_size)
    shards = tuple(
        PlannedShard(
            naming.shard_name("drawn", "train", i), min(recipe.shard_size, recipe.samples - start), "0"
        )
        for i, start in enumerate(starts)
    )
    identity = {
        "format": naming.written_format(config.members),
        "options": config.fingerprint_fields(),
        "versions": {},
        "plan": digest([recipe.seed]),
    }
    plan = Plan(identity, members, recipe.samples, 0, shards, ())
    drawings = [draw(number, recipe) for number in range(recipe.samples)]
    for shard, start in list(zip(shards, starts, strict=True))[:commit]:
        with ShardWriter(path, shard.name, members, plan.fingerprint) as writer:
            for number in range(start, start + shard.images):
                _add(writer, drawings[number], config, failed=number in recipe.failed, tiles=recipe.tiled)
            writer.commit()
    manifest.write(path, plan)
    good = [drawing for number, drawing in enumerate(drawings) if number not in recipe.failed]
    return Drawn(path, tuple(good))


def _filled(drawing: Drawing, masks: MaskPair, *, tiles: bool) -> Filled:
    if tiles:
        return tiled(drawing.image, masks.hard, masks.small)
    return Filled(np.full_like(drawing.image, 90), "flat", Box(0, 0, *drawing.size))


def _add(writer: ShardWriter, drawing: Drawing, config: RunConfig, *, failed: bool, tiles: bool) -> None:
    sample = SampleId(drawing.key, drawing.label, f"{drawing.key}.jpg")
    if failed:
        writer.quarantine(sample, "truncated: drawn so", None)
        return
    masks = store_mask(drawing.mask, config.threshold, config)
    filled = _filled(drawing, masks, tiles=tiles) if config.background != "none" else None
    photo = StoredPhoto(drawing.image, encode_jpeg(drawing.image, 97))
    writer.add(encode_sample(sample, photo, masks, filled, Box(0, 0, 1, 1), config), drawing.label, "0" * 64)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """22 labelled samples in four shards, one of them without foreground, one image in quarantine; read
    only.
    """
    return build(tmp_path_factory.mktemp("drawn") / "shards", Recipe(empty=(4,), failed=(9,)))


@pytest.fixture(scope="session")
def grained(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """24 photos with grain and tiled backgrounds of their own, in three shards; read only."""
    recipe = Recipe(samples=24, shard_size=8, texture=30, tiled=True, empty=(3,))
    return build(tmp_path_factory.mktemp("grained") / "shards", recipe)


@pytest.fixture(scope="session")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Seven labelled samples in two shards with the lean members, one without foreground; read only."""
    recipe = Recipe(samples=7, empty=(4,), options={"members": "lean", "background": "none"})
    return build(tmp_path_factory.mktemp("lean") / "shards", recipe)


@pytest.fixture
def copy(drawn: Drawn, tmp_path: Path) -> Drawn:
    """The same data set, to be damaged."""
    target = tmp_path / "copy"
    shutil.copytree(drawn.path, target)
    return Drawn(target, drawn.drawings)


@pytest.fixture
def builder(tmp_path: Path) -> Callable[..., Drawn]:
    """Builds further data sets: ``builder(Recipe(...))``."""
    numbers: Iterator[int] = iter(range(1000))

    def build_next(*, commit: int | None = None, **recipe: object) -> Drawn:
        return build(tmp_path / f"set{next(numbers)}", Recipe(**recipe), commit=commit)  # type: ignore[arg-type]

    return build_next


def reseal(path: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change the manifest and seal it again, as a careless tool would."""
    from maskgen.shards import sealed_json

    raw = sealed_json.parse(path.read_bytes(), path.name)
    change(raw)
    path.write_bytes(sealed_json.render(raw))


@pytest.fixture(scope="session")
def resealed() -> Callable[[Path, Callable[[dict[str, object]], None]], None]:
    """`reseal`, as a fixture because test modules cannot import each other."""
    return reseal
