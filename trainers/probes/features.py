"""Frozen features of labeled images: extracted on all ranks, kept on disk, never computed twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.config.fingerprint import digest
from maskgen.errors import MaskgenError, ShardFault
from maskgen.io.atomic import PartialFile, is_as_written, write_atomic
from maskgen.loaders.pixels.normalize import normalize
from maskgen.loaders.storage.shared_files import file_lock
from maskgen.shards import sealed_json

from ..datasets.images import Images, Pixels, center_crop, random_crop
from ..distributed.ranks import all_sum, own_range, rank, world
from .loaded import loaded_views

Network = Callable[[Tensor], Tensor]
_CHUNK = 4096
_KEPT = 2048
"""Photos of each rank whose features an interruption can lose."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class InputTransform:
    """How images become inputs.

    Args:
        side: of the square input, px.
        share: of the short side that the center crop keeps.
        augmented: the number of a pass of random crops and flips; None: center crops.
        seed: of those; 0 for center crops, which have none.
        precision: ``fp32``, or ``bf16`` autocast.
        interpolation: ``bilinear`` or ``bicubic``, of the center crop.
        views: who makes random crops, of `VIEWS`.
    """

    side: int
    share: float
    augmented: int | None = None
    seed: int = 0
    precision: str = "fp32"
    interpolation: str = "bilinear"
    views: str = "photos"

    def input(self, image: Pixels, number: int) -> Pixels:
        """The input that image `number` becomes: a function of (seed, pass, number)."""
        if self.augmented is None:
            return center_crop(image, self.side, self.share, self.interpolation)
        rng = np.random.default_rng([self.seed, self.augmented, number])
        return random_crop(image, self.side, rng)


def default_share(side: int) -> float:
    """0.875 as in the papers; 1 for the small images that are used whole (CIFAR, Tiny ImageNet)."""
    return 0.875 if side > 96 else 1.0


@dataclass(frozen=True, eq=False)
class Extractor:
    """A frozen network and how to feed it.

    Args:
        network: (B, 3, S, S) normalized images to (B, D), in evaluation mode.
        device: it lies on.
        batch_size: images at once on each rank.
        threads: that decode.
        normalize: makes the network's input of (B, 3, S, S) uint8 pictures on the device.
    """

    network: Network
    device: torch.device
    batch_size: int = 256
    threads: int = 2
    normalize: Network = normalize

    def part(
        self, images: Images, transform: InputTransform, path: Path | None = None
    ) -> tuple[NDArray[np.int64], Tensor]:
        """The numbers (n,) of the images that fall to this rank, and their features (n, D) on the CPU.

        Args:
            images: of which they are.
            transform: how they are fed.
            path: of all features; beside it lies what is done of photos, so that an interrupted call goes on.
                None: nothing is kept.
        """
        if transform.views == "photos" or transform.augmented is None:
            own = np.array(own_range(len(images)), np.int64)
            size = -(-_KEPT // self.batch_size) * self.batch_size  # so that batches are the same
            each = [own[first : first + size] for first in range(0, len(own), size)]
            if path is None or len(each) < 2:
                return own, self.rows(images, own, transform)
            return own, torch.cat([self._kept_rows(images, part, transform, path) for part in each])
        views = loaded_views(
            images,
            transform.views,
            side=transform.side,
            epoch=transform.augmented,
            seed=transform.seed,
            device=self.device,
            batch=self.batch_size,
            threads=self.threads,
        )
        parts = [(numbers, self._features(inputs, transform)) for numbers, inputs in views if len(numbers)]
        if not parts:
            return np.zeros(0, np.int64), torch.zeros(0, 0)
        return np.concatenate([numbers for numbers, _ in parts]), torch.cat([rows for _, rows in parts])

    def _kept_rows(
        self, images: Images, numbers: NDArray[np.int64], transform: InputTransform, path: Path
    ) -> Tensor:
        """`rows`, read where an interrupted call has left them, else made and left."""
        file = path.with_suffix(f".{numbers[0]}-to-{numbers[-1]}.npy")
        with contextlib.suppress(OSError, ValueError, EOFError):
            return torch.from_numpy(np.load(file))
        made = self.rows(images, numbers, transform)
        with PartialFile(file) as partial:
            np.save(partial, made.numpy())
            partial.sync()
            partial.put()
        return made

    @torch.no_grad()
    def rows(self, images: Images, numbers: NDArray[np.int64], transform: InputTransform) -> Tensor:
        """The features of (n,) images, (n, D) float32 on the CPU, in order."""
        size = self.batch_size
        batches = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        made = make_inputs(images, batches, transform, self.threads)
        parts = [self._features(inputs, transform) for inputs in made]
        return torch.cat(parts) if parts else torch.zeros(0, 0)

    @torch.no_grad()
    def _features(self, inputs: Tensor, transform: InputTransform) -> Tensor:
        """(b, 3, S, S) uint8 to (b, D) on the CPU."""
        half = transform.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            return self.network(self.normalize(inputs.to(self.device))).float().cpu()


def make_inputs(
    images: Images, parts: Sequence[NDArray[np.int64]], transform: InputTransform, threads: int
) -> Iterator[Tensor]:
    """Batches (b, 3, S, S) uint8; the next one is decoded while this one is in use.

    Args:
        images: of which the inputs are.
        parts: the numbers (b,) of the images of each batch.
        transform: how they are fed.
        threads: that decode.
    """

    def made(number: int) -> Tensor:
        return torch.from_numpy(np.array(transform.input(images.read(number), number))).permute(2, 0, 1)

    return map(torch.stack, read_ahead(parts, made, threads))


def read_ahead(
    parts: Sequence[NDArray[np.int64]], make: Callable[[int], T], threads: int
) -> Iterator[list[T]]:
    """What is made of the numbers of each part; the next part is made while this one is in use.

    Args:
        parts: (b,) numbers each.
        make: what becomes of a number; called in threads.
        threads: that make.
    """
    with ThreadPoolExecutor(threads) as pool:
        jobs: list[Future[T]] = []
        for part in parts:
            later = [pool.submit(make, number) for number in part.tolist()]
            if jobs:
                yield [job.result() for job in jobs]
            jobs = later
        if jobs:
            yield [job.result() for job in jobs]


def gather_rows(rows: Tensor, count: int) -> Tensor:
    """(n, D) of each rank, in rank order, as (count, D) on every rank."""
    if world() == 1:
        return rows
    width = int(all_sum(torch.tensor(rows.shape[1] if rank() == 0 else 0)))
    whole = torch.zeros(count, width)
    if len(rows):
        own = own_range(count)
        whole[own.start : own.stop] = rows
    return all_sum(whole)


class FeatureStore:
    """Features on disk by what made them; a file that is not what its record says is made again.

    Args:
        folder: shared by all ranks.
        source: digest of the network.
        extractor: makes what is missing.
        shared: folder of the features of center crops, if others work on it too; random crops, which are
            dropped when their epoch is over, stay in `folder`.
    """

    def __init__(
        self, folder: Path, source: str, extractor: Extractor, *, shared: Path | None = None
    ) -> None:
        self._folder, self._source, self._extractor = folder, source, extractor
        self._shared = shared or folder

    def get(
        self, images: Images, transform: InputTransform, rows: slice = slice(None)
    ) -> NDArray[np.float32]:
        """Rows of the features of the images, (n, D) float32; all ranks ask, each for its own.

        Args:
            images: N of them.
            transform: how they are fed.
            rows: of the N; no others are read.

        Raises:
            MaskgenError: some are infinite or no number.
        """
        path = self._path(images, transform)
        with self._alone(path):
            there = int(all_sum(torch.tensor(int(rank() == 0 and _is_sound(path)))))
            if not there:
                self._make(images, transform, path)
        return np.array(_require_finite(np.load(path, mmap_mode="r"))[rows])

    def drop(self, images: Images, transform: InputTransform) -> None:
        """Remove features that will not be asked for again."""
        if rank() == 0:
            for path in (self._path(images, transform).with_suffix(".json"), self._path(images, transform)):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        """While one process looks for features and makes them, others that share the folder wait for them."""
        with contextlib.ExitStack() as stack:
            if rank() == 0 and path.parent != self._folder:
                path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(file_lock(path.with_suffix(".lock")))
            yield

    def _path(self, images: Images, transform: InputTransform) -> Path:
        folder = self._shared if transform.augmented is None else self._folder
        return folder / f"{digest([self._source, images.fingerprint, asdict(transform)])[:24]}.npy"

    def _make(self, images: Images, transform: InputTransform, path: Path) -> None:
        """Each rank writes its rows into files, rank 0 puts them together."""
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = [path.with_suffix(f".{number}-of-{world()}.npy") for number in range(world())]
        places = [part.with_suffix(".rows.npy") for part in parts]
        numbers, own = self._extractor.part(images, transform, path)
        np.save(places[rank()], numbers)
        np.save(parts[rank()], own.numpy())
        all_sum(torch.zeros(1))
        if rank() == 0:
            whole = _assemble(len(images), places, parts)
            with PartialFile(path) as partial:
                np.save(partial, whole)
                partial.sync()
                partial.publish()
                record = {
                    "bytes": partial.size,
                    "sha256": partial.sha256,
                    "images": len(images),
                    **asdict(transform),
                }
            write_atomic(path.with_suffix(".json"), sealed_json.render(record))
            for name in (*parts, *places, *path.parent.glob(f"{path.stem}.*-to-*.npy")):
                name.unlink()
        all_sum(torch.zeros(1))


def _assemble(count: int, places: list[Path], parts: list[Path]) -> NDArray[np.float32]:
    """The ranks' rows, each where it belongs, (count, D)."""
    found = [
        (np.load(place), part)
        for place, name in zip(places, parts, strict=True)
        if (part := np.load(name)).size
    ]
    whole = np.zeros((count, found[0][1].shape[1]), np.float32)
    for numbers, part in found:
        whole[numbers] = part
    return whole


def _require_finite(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """The features; each rank looks at its rows."""
    own = own_range(len(features))
    parts = [own[start : start + _CHUNK] for start in range(0, len(own), _CHUNK)]
    bad = sum(int((~np.isfinite(features[part.start : part.stop]).all(1)).sum()) for part in parts)
    lost = int(all_sum(torch.tensor(bad)))
    if lost:
        raise MaskgenError(
            f"the features of {lost} of {len(features)} images are infinite or no number",
            cause="the backbone's training diverged",
            remedy="evaluate an earlier checkpoint, or train with a lower lr",
        )
    return features


def _is_sound(path: Path) -> bool:
    try:
        record = sealed_json.read(path.with_suffix(".json"))
    except (ShardFault, FileNotFoundError):
        return False
    return is_as_written(path, record["bytes"], record["sha256"])
