"""What an export is made with; everything here shapes its files."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from ..config.bounds import between
from ..config.options import option

FORMATS = ("png", "cutout", "imagefolder", "coco", "parquet", "hf", "zarr", "fiftyone")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of `maskgen export`.

    Example:
        >>> from maskgen.export import Settings
        >>> Settings(to="png").binary
        False
    """

    to: str = option(
        MISSING,
        "png: masks; cutout: photos whose alpha channel is the mask; imagefolder: photos, masks and "
        "backgrounds in folders of classes; coco: annotations with run lengths; parquet: tables with all of "
        "it; hf: the same for the Hugging Face Hub, with a card; zarr: arrays; fiftyone: a folder that it "
        "opens.",
        group="output",
        choices=FORMATS,
    )
    binary: bool = option(
        False, "Masks of 0 and 255, cut at the shards' threshold; else soft where they are.", group="output"
    )
    by_key: bool = option(
        False,
        "Name files by the samples' keys; else by the photos' paths in their source.",
        group="output",
    )
    side: int = option(
        0,
        "zarr with masks squeezed to squares of this side, px (0: each at its photo's size).",
        group="output",
        bounds=between(0, 65_536),
        unit="px",
    )
    masks_only: bool = option(
        False, "parquet and hf without photos and backgrounds, which are others' to share.", group="output"
    )
    license: str = option(
        "",
        "License of the export, such as cc-by-4.0, for the card and the metadata; of hf a name that the Hub "
        "knows.",
        group="output",
    )
    license_name: str = option("", "hf with --license other: what the license is called.", group="output")
    title: str = option("", "Name of the data set, for the card and the metadata.", group="output")
    part_size: int = option(
        1000, "Samples that are finished together.", group="output", bounds=between(1, 100_000)
    )

    @property
    def terms(self) -> str:
        """What the license is called; empty where nobody said."""
        return self.license_name or self.license
