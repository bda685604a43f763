"""What a report is of, and how much it shows."""

from __future__ import annotations

from dataclasses import dataclass

from ..io.storage.location import Location

LARGEST_BYTES = 8_000_000
"""No page is larger, whatever is asked for: pictures are left out before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one report.

    Args:
        masks: the data set, or a folder of maps.
        truth: of masks, or a COCO file.
        compare: another mask set, held against this one.
        photos: of masks that come without.
        sheet: masks on each contact sheet.
        opened: masks that are looked into for what no table says; of more, so many are drawn at random.
        seed: of what is drawn at random.
        workers: processes that hold masks against truths; the page does not depend on it.
    """

    masks: Location
    truth: Location | None = None
    compare: Location | None = None
    photos: Location | None = None
    sheet: int = 24
    opened: int = 2000
    seed: int = 0
    workers: int = 1
