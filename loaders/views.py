"""What a view of an image is: a crop, resized, with or without its background."""

from __future__ import annotations

from dataclasses import dataclass

from maskgen.errors import UsageError

AREA_BOUNDS = (0.2, 1.0)
ASPECT_BOUNDS = (3 / 4, 4 / 3)
OUTPUTS = ("image", "mask", "box", "removed", "meta", "source")
READER = "shards"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view of each image. The defaults are those of MoCo v2 and of BG_RM in Ryali et al.

    Args:
        size: side of the square view, px.
        scale: bounds of the crop's share of the image area, in (0, 1].
        ratio: bounds of the crop's width / height.
        fg_min: smallest share of the foreground that a crop must hold, in [0, 1]; 0 takes any crop
            (Ryali et al., appendix A.4, use 0, 0.1 and 0.2).
        bg_rm_p: probability that the background is replaced by grey; 0.1 to 0.3 work well there (A.3.1). A photo
            without any foreground keeps its background (ours: the paper leaves this case open).
        grey: level of that grey in [0, 1]; None draws it uniformly for each view (their section 3, where a
            black background, 0, does as well).
        softness: width of the blended edge between foreground and grey, in mask values, [0, 1]; 0 cuts hard at
            the data set's threshold.

    Raises:
        UsageError: a value out of its range.
    """

    size: int = 224
    scale: tuple[float, float] = AREA_BOUNDS
    ratio: tuple[float, float] = ASPECT_BOUNDS
    fg_min: float = 0.0
    bg_rm_p: float = 0.2
    grey: float | None = None
    softness: float = 0.0

    def __post_init__(self) -> None:
        rules = (
            ("size", self.size, self.size >= 1),
            ("scale", self.scale, 0 < self.scale[0] <= self.scale[1] <= 1),
            ("ratio", self.ratio, 0 < self.ratio[0] <= self.ratio[1] < float("inf")),
            ("fg_min", self.fg_min, 0 <= self.fg_min <= 1),
            ("bg_rm_p", self.bg_rm_p, 0 <= self.bg_rm_p <= 1),
            ("grey", self.grey, self.grey is None or 0 <= self.grey <= 1),
            ("softness", self.softness, 0 <= self.softness <= 1),
        )
        for name, value, holds in rules:
            if not holds:
                raise UsageError(
                    f"View({name}={value!r}) is out of range", remedy="see the ranges in help(View)"
                )
