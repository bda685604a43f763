"""The sets by name: how each is read, fed and scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from ..judges import Counts
from ..scores import (
    Figures,
    background_figures,
    corruption_figures,
    plain_figures,
    shape_figures,
)
from . import foregrounds, imagenet, objectnet, scenes, validation
from .parts import Parts, Request


@dataclass(frozen=True, slots=True)
class Kind:
    """A public set.

    Args:
        text: what it is, for lists.
        open: finds its pictures.
        figures: of its parts' counts.
        share: of the short side that the center crop keeps; 0: as asked. Pictures that have the network's
            side already are used whole.
        keep: whether features are kept for other heads.
    """

    text: str
    open: Callable[[Request], Parts]
    figures: Callable[[Mapping[str, Counts]], Figures] = plain_figures
    share: float = 0.0
    keep: bool = True


KINDS = {
    "val": Kind("ImageNet's validation photos", validation.open_val),
    "real": Kind("the same with ReaL's labels", validation.open_real),
    "v2": Kind("ImageNet V2, its three sets or one", imagenet.open_v2),
    "a": Kind("ImageNet-A", imagenet.open_a),
    "r": Kind("ImageNet-R", imagenet.open_r),
    "sketch": Kind("ImageNet-Sketch", imagenet.open_sketch),
    "c": Kind("ImageNet-C", imagenet.open_c, corruption_figures, share=1.0, keep=False),
    "a-fg": Kind("ImageNet-A's foregrounds alone, by --masks", foregrounds.open_foregrounds),
    "in9": Kind("ImageNet-9's variants, or a challenge's", scenes.open_in9, background_figures, share=1.0),
    "objectnet": Kind("ObjectNet", objectnet.open_objectnet, share=1.0),
    "cue-conflict": Kind("shapes with other textures", scenes.open_cues, shape_figures, share=1.0),
}


def parse_set(text: str) -> tuple[str, Path]:
    """A kind and a folder of a ``KIND=PATH``.

    Raises:
        UsageError: there is no such kind, or no folder.

    Example:
        >>> from maskgen.trainers.evaluations.robust.sets.kinds import parse_set
        >>> parse_set("real=imagenet/val")
        ('real', PosixPath('imagenet/val'))
    """
    kind, _, path = text.partition("=")
    if kind not in KINDS:
        raise UsageError(f"unknown set {kind!r} in --set {text}", remedy=nearest(kind, KINDS))
    if not path or not Path(path).is_dir():
        raise UsageError(
            f"--set takes {kind}=FOLDER" + (", there is no such folder" if path else ""),
            where=path,
            remedy="give the folder of the unpacked set",
        )
    return kind, Path(path)
