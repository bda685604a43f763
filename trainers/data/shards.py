"""What a run trains on, its loader, and its labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from maskgen.errors import UsageError
from maskgen.loaders import DaliLoader, Dataset, open_dataset
from maskgen.loaders.batch import Batch
from maskgen.loaders.dataset.labels import read_class_names, read_labels
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.options import LoaderOptions
from maskgen.loaders.torch.loader import TorchLoader
from maskgen.loaders.torch.photos import PhotoLoader
from maskgen.shards import naming
from maskgen.shards.subset import Subset

from ..presets import Preset
from ..presets.spec import options
from ..settings import Settings


class Loader(Protocol):
    """What the loop needs of a loader; `DaliLoader` and `TorchLoader` have it and say more about it."""

    @property
    def skipped(self) -> int:
        """Damaged samples found so far."""
        ...

    def __len__(self) -> int:
        """Steps of an epoch."""
        ...

    def __iter__(self) -> Iterator[Batch]:
        """The epoch, or what is left of it."""
        ...

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is this epoch."""

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""

    def close(self) -> None:
        """Close the files."""


def open_data(settings: Settings) -> Dataset:
    """The run's shards, or the part of them that the run trains on."""
    photos, cache, shuffle = settings.photos or None, settings.cache or None, settings.shuffle
    return open_dataset(
        settings.data, photos=photos, cache=cache, shuffle=shuffle, subset=subset_of(settings)
    )


def subset_of(settings: Settings) -> Subset:
    """The part of its data that a run trains on."""
    return Subset(
        sample=settings.sample,
        seed=settings.sample_seed,
        by=settings.sample_by,
        alpha=settings.pareto_alpha,
        keys=settings.keys or None,
    )


def rank_batch(preset: Preset, settings: Settings, world: int) -> int:
    """Images per rank and step.

    Raises:
        UsageError: the batch does not divide among ranks and parts, or is too small for what the method is
            set to.
    """
    if preset.batch_size % (world * settings.accumulate):
        raise UsageError(
            f"batch_size {preset.batch_size} does not divide by {world} ranks x {settings.accumulate} parts",
            remedy="--set batch_size=, another number of ranks, or another --accumulate",
        )
    together = preset.batch_size // settings.losses
    known = {option.name for option in options(preset.method)}
    for name, most in (("bn_groups", together), ("negatives", together - 1)):
        if name in known and getattr(preset, name) > most:
            parts = f", in {settings.losses} parts" if settings.losses > 1 else ""
            raise UsageError(
                f"{name} is {getattr(preset, name)}, but a batch of {preset.batch_size}{parts} allows "
                f"{most} at most",
                remedy=f"--set {name}={most} or less, or a larger --set batch_size="
                if most
                else "a larger --set batch_size=",
            )
    return preset.batch_size // world


def open_loader(
    dataset: Dataset | PhotoSet, preset: Preset, settings: Settings, *, rank: int, world: int
) -> Loader:
    """Shuffled epochs of the preset's views on the run's device.

    Raises:
        UsageError: the views need masks and there are photos alone, or the batch does not fit.
    """
    if isinstance(dataset, PhotoSet):
        return _open_photos(dataset, preset, settings, rank=rank, world=world)
    kind: type[DaliLoader | TorchLoader] = DaliLoader if chosen_loader(settings) == "dali" else TorchLoader
    return kind(
        dataset,
        rank_batch(preset, settings, world),
        recipe=preset.views,
        seed=settings.seed,
        device=settings.device,
        threads=settings.threads,
        rank=rank,
        world=world,
        on_error=settings.on_error,
        tile=False if settings.stored_backgrounds else None,
    )


def _open_photos(
    photos: PhotoSet, preset: Preset, settings: Settings, *, rank: int, world: int
) -> PhotoLoader:
    options = LoaderOptions(
        rank=rank,
        world=world,
        device=settings.device,
        threads=settings.threads,
        on_error=settings.on_error,
    )
    batch = rank_batch(preset, settings, world)
    return PhotoLoader(photos, batch, recipe=preset.views, seed=settings.seed, options=options)


def chosen_loader(settings: Settings) -> str:
    """The loader of shards: ``dali`` or ``torch``."""
    if settings.loader != "auto":
        return settings.loader
    try:
        import nvidia.dali  # noqa: F401
    except ImportError:
        return "torch"
    return "dali"


def count_classes(dataset: Dataset | PhotoSet) -> int:
    """The number of classes: one more than the highest label; 0 without labels."""
    if isinstance(dataset, PhotoSet):
        return int(dataset.labels.max(initial=-1)) + 1
    if naming.CLASS not in dataset.members and dataset.manifest.format != naming.LEAN_FORMAT:
        return 0
    return int(read_labels(dataset).max(initial=-1)) + 1


def class_names(dataset: Dataset | PhotoSet) -> dict[int, str]:
    """The names of the classes by number; empty where they have none."""
    return dict(dataset.names) if isinstance(dataset, PhotoSet) else read_class_names(dataset)
