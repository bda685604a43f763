"""`eval-ssl retrieval`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Any

from maskgen.config.bounds import at_least, between
from maskgen.config.options import ExistingFolder, option

from ..options import click_command, nested
from .frozen import FrozenOptions, run_frozen


@dataclass(frozen=True, kw_only=True)
class RetrievalOptions:
    """Options of `eval-ssl retrieval`."""

    frozen: FrozenOptions = nested(FrozenOptions)
    data: ExistingFolder = option(MISSING, "VOC2012, or the folder that it was unpacked in.", group="data")
    masks: ExistingFolder | None = option(
        None,
        "Masks of its photos, shards or a folder: MaskContrast's way.  [default: K-means]",
        group="data",
    )
    train: str = option("train", "List of the photos that name, of ImageSets/Segmentation.", group="data")
    test: str = option("val", "List of the photos that are named.", group="data")
    clusters: int = option(15, "Clusters of each photo.", group="settings", bounds=between(1, 255))
    layer: str = option("layer4", "Layer whose maps are taken.", group="settings")
    stride: int = option(
        16,
        "Stride of the maps of a ResNet, layers behind it dilated: 16 as dilating layer4 gives, 8 for the "
        "64 x 64 that the paper prints; 0: the network's own.",
        group="settings",
        unit="px",
        bounds=at_least(0),
    )
    side: int = option(512, "Side of the squeezed photos.", group="settings", unit="px", bounds=at_least(16))


@click_command("retrieval", RetrievalOptions)
def command(options: RetrievalOptions) -> None:
    """Segments of PASCAL VOC named by their nearest neighbors, without training: mIoU of 21 and 7 classes."""

    def work(given: dict[str, Any], say: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.evaluations.retrieval.task import RetrievalConfig, run_retrieval

        own = {name: value for name, value in vars(options).items() if name != "frozen"}
        return run_retrieval(RetrievalConfig(**{**given, **own}), say=say, stop=stop)

    run_frozen(work, options.frozen)
