"""`eval-ssl davis`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Any

from maskgen.config.bounds import at_least
from maskgen.config.options import ExistingFolder, option

from ..options import click_command, nested
from .frozen import FrozenOptions, run_frozen


@dataclass(frozen=True, kw_only=True)
class DavisOptions:
    """Options of `eval-ssl davis`."""

    frozen: FrozenOptions = nested(FrozenOptions)
    data: ExistingFolder = option(
        MISSING, "Folder DAVIS, with JPEGImages, Annotations and ImageSets.", group="data"
    )
    split: str = option("val", "List of clips in ImageSets/2017.", group="data")
    rules: str = option(
        "jabri",
        "How labels are carried on: as Jabri et al. 2020 and Van Gansbeke et al. 2021, or as DINO.",
        group="settings",
        choices=("jabri", "dino"),
    )
    layer: str = option("layer3", "Layer whose maps are compared.", group="settings")
    stride: int = option(
        -1,
        "Stride of the maps; 0: the network's own.  [default: 8 of a ResNet, else its own]",
        group="settings",
        unit="px",
        bounds=at_least(-1),
    )


@click_command("davis", DavisOptions)
def command(options: DavisOptions) -> None:
    """Objects followed through the clips of DAVIS-2017 by frozen features: J and F, and the masks."""

    def work(given: dict[str, Any], say: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.evaluations.davis.task import DavisConfig, run_davis

        own = {name: value for name, value in vars(options).items() if name != "frozen"}
        return run_davis(DavisConfig(**{**given, **own}), say=say, stop=stop)

    run_frozen(work, options.frozen)
