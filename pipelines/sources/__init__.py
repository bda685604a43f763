"""Where photos come from: each source lists one kind of place in a fixed order, without decoding anything."""

from __future__ import annotations

from collections.abc import Callable

from maskgen.config.run_config import RunConfig
from maskgen.errors import UsageError
from maskgen.io.storage.location import Location, ObjectLocation, not_there, open_location
from maskgen.io.storage.patience import RETRY_S, TIMEOUT_S, longest_wait_seconds
from maskgen.release import PHOTOS
from maskgen.types import Source

from .coco.photos import open_coco
from .folder import open_folder
from .imagenet.layouts import open_imagenet
from .jft import open_jft
from .listing import Listing, SourceOptions
from .patterns import is_file_pattern
from .reading import ByteReader
from .sample import open_sample
from .webdataset import open_webdataset

__all__ = ["SOURCES", "ByteReader", "Listing", "SourceOptions", "open_source", "source_root"]

SOURCES: dict[str, Callable[[SourceOptions], Source]] = {
    "imagenet": open_imagenet,
    "coco": open_coco,
    "jft": open_jft,
    "webdataset": open_webdataset,
    "folder": open_folder,
    "sample": open_sample,
}


def source_root(config: RunConfig) -> Location:
    """The folder that every `ByteRef.file` of this run is relative to.

    Raises:
        UsageError: no input, or nothing is there.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    if config.dataset == "sample":
        return PHOTOS
    place = open_location(config.input)
    if not config.input:
        raise UsageError(
            f"--dataset {config.dataset} needs --input", remedy="give the folder or file of the photos"
        )
    is_pattern = config.dataset in ("jft", "webdataset") and is_file_pattern(place.name)
    if not place.exists() and not (is_pattern and place.parent.is_dir()):
        raise not_there(place, "the input", "check --input")
    return place if place.is_dir() else place.parent


def open_source(config: RunConfig) -> Source:
    """The source that the configuration names.

    Raises:
        UsageError: unknown data set, no input, nothing is there, or an image has no time to wait for a store.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    if config.dataset not in SOURCES:
        raise UsageError(f"unknown data set {config.dataset!r}", remedy=f"one of {', '.join(SOURCES)}")
    root = source_root(config)
    _check_patience(root, config.image_timeout)
    options = SourceOptions(
        input=root if config.dataset == "sample" else open_location(config.input),
        root=root,
        split=config.split,
        labels=config.labels,
        image_feature=config.image_feature,
        label_feature=config.label_feature,
        name_feature=config.name_feature,
        verify=config.verify_source,
    )
    return SOURCES[config.dataset](options)


def _check_patience(root: Location, image_timeout: float) -> None:
    """Refuse a run in which an image would be taken for hung while the store is waited for."""
    if isinstance(root, ObjectLocation) and image_timeout <= longest_wait_seconds():
        raise UsageError(
            "--image-timeout is too short for photos in a store",
            where=str(root),
            cause=f"a request may take {longest_wait_seconds():g} s before it is given up, an image "
            f"{image_timeout:g} s, and the photo would be blamed",
            remedy=f"raise --image-timeout, or lower {RETRY_S} or {TIMEOUT_S}",
        )
