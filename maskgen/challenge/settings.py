"""What a challenge is made with; everything here shapes its pictures."""

from __future__ import annotations

from dataclasses import dataclass

from ..config.bounds import at_least, between
from ..config.options import option
from .noise import noisy_variants
from .variants import VARIANTS

WAYS = ("both", "folders", "shards")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of `maskgen challenge`.

    Example:
        >>> from maskgen.challenge import Settings
        >>> Settings(noise=1).variants[-2:]
        ('noisy_fg_1', 'noisy_bg_1')
    """

    seed: int = option(
        0,
        "Seed of which background each photo gets.  [default: 0]",
        group="settings",
        bounds=between(0, 2**63 - 1),
    )
    side: int = option(
        224, "Side of the square pictures, px.", group="settings", bounds=between(16, 2048), unit="px"
    )
    per_class: int = option(
        0,
        "Draw this many photos of each class at most, 2 or more (0: all).",
        group="settings",
        bounds=at_least(0),
    )
    min_confidence: float = option(
        0.0,
        "Leave photos out whose masks are trusted less (0: trust all).",
        group="settings",
        bounds=between(0, 1),
    )
    noise: int = option(
        0,
        "Also make pictures with noise on the foreground and on the background, so many of each (3 in the "
        "paper), for RFS.",
        group="settings",
        bounds=between(0, 100),
    )
    pairs: str = option(
        "",
        "Two classes, by number or name, as 0,3: also make a set like Waterbirds of them, on each other's "
        "backgrounds.",
        group="settings",
    )
    bias: float = option(
        0.95,
        "With --pairs: share of training photos on a background of their own class.",
        group="settings",
        bounds=between(0, 1),
    )
    write: str = option(
        "both",
        "folders: VARIANT/val/CLASS/KEY.png, as ImageNet-9 has them; shards: a data set for each variant, "
        "as maskgen run writes them.",
        group="output",
        choices=WAYS,
    )
    photo_format: str = option(
        "png",
        "png: exact pixels, so that black is black; jpg: quality 95, a quarter of the bytes.",
        group="output",
        choices=("png", "jpg"),
    )
    shard_size: int = option(
        500, "Photos that are finished together, and of a shard.", group="output", bounds=between(1, 100_000)
    )

    @property
    def variants(self) -> tuple[str, ...]:
        """Of every photo."""
        return (*VARIANTS, *noisy_variants(self.noise))

    @property
    def folders(self) -> bool:
        """Whether folders of pictures are written."""
        return self.write != "shards"

    @property
    def shards(self) -> bool:
        """Whether shards are written."""
        return self.write != "folders"
