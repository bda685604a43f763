"""`eval-ssl grounding`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Any

from maskgen.config.bounds import at_least
from maskgen.config.options import ExistingFolder, ExistingPath, option

from ..options import click_command, nested
from .frozen import FrozenOptions, run_frozen


@dataclass(frozen=True, kw_only=True)
class GroundingOptions:
    """Options of `eval-ssl grounding`."""

    frozen: FrozenOptions = nested(FrozenOptions)
    data: ExistingFolder = option(
        MISSING,
        "Shards with photos and their masks; or photos in a folder, with --truth.",
        group="data",
    )
    truth: ExistingPath | None = option(
        None, "True masks: a folder of PNG masks, or COCO's instances_*.json.", group="data"
    )
    head: str = option(
        "", "For --score class: a linear.safetensors, or own for the checkpoint's classifier.", group="data"
    )
    score: str = option(
        "masked",
        "What the maps explain: the match of a crop with a masked crop of its photo (masked) or with a whole "
        "one (key), or what the classifier of --head answers (class).",
        group="settings",
        choices=("masked", "key", "class"),
    )
    crops: str | None = option(
        None,
        "Random crops that hold a fifth of the foreground, or whole photos.  [default: whole for a class, "
        "else random]",
        group="settings",
        choices=("random", "whole"),
    )
    layer: str = option(
        "", "Layer whose maps are weighed.  [default: the last, layer4 of a ResNet]", group="settings"
    )
    count: int = option(0, "Images, drawn once.  [default: 0, all]", group="settings", bounds=at_least(0))
    side: int = option(224, "Side of the input.", group="settings", unit="px", bounds=at_least(16))
    batch_size: int = option(32, "Images per pass.", group="machine", bounds=at_least(1))


@click_command("grounding", GroundingOptions)
def command(options: GroundingOptions) -> None:
    """How far the encoder looks at the foreground: IoU of Grad-CAM maps with masks (CAST, section 4.4)."""

    def work(given: dict[str, Any], say: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.evaluations.grounding.task import GroundingConfig, run_grounding

        own = {name: value for name, value in vars(options).items() if name != "frozen"}
        config = GroundingConfig(**{**given, **own, "crops": options.crops or ""})
        return run_grounding(config, say=say, stop=stop)

    run_frozen(work, options.frozen)
