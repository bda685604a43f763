"""`eval-ssl fcn`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Annotated, Any

from maskgen.config.bounds import above, at_least
from maskgen.config.options import ExistingFile, ExistingFolder, option

from ..options import Spelling, click_command, nested
from .frozen import FrozenOptions, run_frozen
from .task import list_table
from .tuning import TuningOptions


def _describe(name: str, protocol: Any) -> str:
    rates = ",".join(f"{lr:g}" for lr in protocol.lrs)
    long = f"{protocol.steps} steps" if protocol.steps else f"{','.join(map(str, protocol.epochs))} epochs"
    return (
        f"{name:21} {long}, batch {protocol.batch_size}, crops of {protocol.crop} px, "
        f"{protocol.optimizer}, lr {rates}: {protocol.source}"
    )


_list_protocols = list_table("evaluations.fcn.protocols", "PROTOCOLS", _describe)


@dataclass(frozen=True, kw_only=True)
class FcnOptions:
    """Options of `eval-ssl fcn`."""

    frozen: FrozenOptions = nested(FrozenOptions)
    data: ExistingFolder = option(
        MISSING,
        "VOC2012 or the folder that it was unpacked in, or Cityscapes's folder of leftImg8bit and gtFine.",
        group="data",
    )
    protocol: str = option("revisiting", "A paper's settings, see --protocols.", group="settings")
    train: str = option(
        "train",
        "Split to learn from: of VOC a list of ImageSets/Segmentation; trainaug needs its list or --sbd.",
        group="data",
    )
    test: str = option("val", "Split to be tested on.", group="data")
    listed: Annotated[ExistingFile, Spelling(flag="--list")] | None = option(
        None,
        "File that names the training photos, one a line, in place of VOC's list.  [default: the split's]",
        group="data",
    )
    sbd: ExistingFolder | None = option(
        None,
        "benchmark_RELEASE of the Semantic Boundaries Dataset: annotations of photos that VOC has none of.  "
        "[default: none, or PNGs in SegmentationClassAug]",
        group="data",
    )
    classes: Annotated[tuple[str, ...], Spelling(flag="--class", metavar="NAME")] = option(
        (),
        "Names of the classes, from number 0, of other photos in VOC's layout, once for each.  [default: the "
        "set's own]",
        group="data",
    )
    lrs: Annotated[tuple[float, ...], Spelling(flag="--lr")] = option(
        (), "Learning rates; the best is kept.  [default: the protocol's]", group="settings", bounds=above(0)
    )
    tuning: TuningOptions = nested(TuningOptions)
    crop: int | None = option(
        None,
        "Side of the crops, in place of the protocol's.",
        group="settings",
        unit="px",
        bounds=at_least(8),
    )
    dilation: int | None = option(
        None,
        "Dilation of the head's 3 x 3 convolutions, in place of the protocol's.",
        group="settings",
        bounds=at_least(1),
    )
    stride: int = option(
        -1,
        "Stride of the backbone's maps, of a ResNet by dilation; 0: the network's own.  [default: 16 of a "
        "ResNet, else its own]",
        group="settings",
        unit="px",
        bounds=at_least(-1),
    )
    batch_size: int = option(
        16,
        "Crops per pass on each rank: those of a step go through the network in passes, and BatchNorm's "
        "statistics are a pass's.",
        group="machine",
        bounds=at_least(1),
    )
    protocols: Annotated[bool, Spelling(show=_list_protocols)] = option(
        False, "List the protocols of the papers."
    )


@click_command("fcn", FcnOptions)
def command(options: FcnOptions) -> None:
    """Semantic segmentation by a fully convolutional network, trained from the checkpoint: mean IoU."""

    def work(given: dict[str, Any], say: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.evaluations.fcn.protocols import find_fcn_protocol
        from maskgen.trainers.evaluations.fcn.run import FcnConfig, run_fcn

        protocol = find_fcn_protocol(
            options.protocol,
            lrs=options.lrs,
            crop=options.crop,
            dilation=options.dilation,
            **options.tuning.changes,
        )
        same = ("data", "train", "test", "listed", "sbd", "classes", "stride", "batch_size")
        own = {name: getattr(options, name) for name in same}
        return run_fcn(FcnConfig(**{**given, **own, "protocol": protocol}), say=say, stop=stop)

    run_frozen(work, options.frozen)
