"""The options of `train-ssl METHOD`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Annotated

from maskgen.trainers.settings import Settings

from ..config.options import option
from .options import Spelling, nested


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Options of `train-ssl METHOD`.

    Args:
        settings: of the run, beside the preset.
        preset: name of a preset of the method.
        recipe: the views instead of the preset's; empty: those.
        changes: ``name=value`` texts on top of it.
        resume: ``never`` refuses a folder that holds a run.
    """

    settings: Settings = nested(Settings)
    preset: str = option(MISSING, "Name of the settings, see `train-ssl presets`.", group="settings")
    recipe: str = option(
        "",
        "The views: a name of `maskgen recipes list`, or a .toml file.  [default: the preset's]",
        group="settings",
    )
    changes: Annotated[tuple[str, ...], Spelling(flag="--set", metavar="NAME=VALUE")] = option(
        (),
        "Change one setting, or one field of a view (views.0.background.p=0); may be repeated.",
        group="settings",
    )
    resume: str = option(
        "auto",
        "auto: go on from the last checkpoint in the folder; never: refuse a folder that has one.",
        group="safety",
        choices=("auto", "never"),
    )
