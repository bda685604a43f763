"""The parts of a view: how it is cropped, colored, and put on another background.

Masks corrupted on purpose are described here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias, get_args

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

Rule: TypeAlias = Literal["plain", "fg_min", "phi", "overlap"]
Center: TypeAlias = Literal["uniform", "foreground"]
Replace: TypeAlias = Literal["none", "grey", "donor"]
Place: TypeAlias = Literal["after", "before"]
Formula: TypeAlias = Literal["prose", "printed", "hole"]
JitterMode: TypeAlias = Literal["affine", "torchvision"]
MaskChange: TypeAlias = Literal[
    "rotate",
    "shear",
    "translate",
    "flip",
    "random_points",
    "random_rectangle",
    "centred_rectangle",
    "add_rectangle",
    "remove_rectangle",
    "box",
]

_WORDS: dict[str, tuple[str, ...]] = {
    "rule": get_args(Rule),
    "center": get_args(Center),
    "replace": get_args(Replace),
    "place": get_args(Place),
    "formula": get_args(Formula),
    "jitter_mode": get_args(JitterMode),
    "change": get_args(MaskChange),
}

IMAGENET_MEAN = (124, 116, 104)
"""Round(255 · (0.485, 0.456, 0.406)): the uint8 RGB that becomes zero when a view is normalized."""


def check_ranges(owner: str, rules: Iterable[tuple[str, object, bool]]) -> None:
    """Refuse the first field that is out of its range.

    Args:
        owner: name of the class.
        rules: name and value of each field, and whether its rule holds.

    Raises:
        UsageError: one does not.
    """
    for name, value, holds in rules:
        if not holds:
            words = _WORDS.get(name, ())
            hint = nearest(value, words) if isinstance(value, str) and value not in words and words else ""
            raise UsageError(
                f"{owner}({name}={value!r}) is out of range", remedy=hint or f"see help({owner})"
            )


def is_share(value: float) -> bool:
    """Whether a number is in [0, 1]."""
    return 0 <= value <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A random resized crop. Up to ten tries are drawn; the first that meets every condition is taken.

    Args:
        scale: bounds of the crop's share of the image area, in (0, 1].
        ratio: bounds of the crop's width / height.
        fg_min: smallest share of the whole foreground area that the crop must hold, in [0, 1]
            (Ryali et al., A.4: 0, 0.1, 0.2; CAST's φ, 0.2). A photo without foreground takes any crop.
        fg_within: index of an earlier view: the crop must also hold this share of the foreground that lies in
            that view's crop (CAST's code for table 2d).
        rule: what a crop is when no try is good. ``plain`` and ``fg_min``: the center crop of torchvision's
            RandomResizedCrop (Ryali et al., A.4). ``phi``: the foreground's box, grown at random (CAST's
            code).
            ``overlap``: any crop (code of Revisiting Contrastive Methods). None chooses by the other fields.
        center: law of the crop's center: ``uniform``, or ``foreground``, a normal law around the mask's
            centroid with the image's height and width as its deviations, cut to the image (CAST's code; its
            paper says no more than random).
        overlap_of: index of an earlier view that the crop must overlap.
        overlap_min: by at least this share of its own area (Revisiting, A.1: 0.2; its code: 0.1).
        iou: (index of an earlier view, lowest, highest intersection over union with its crop); Revisiting,
            figures 1-3, sets the highest. While ten tries do not meet the bounds, all crops of the photo are
            drawn anew, 64 times at most; then both are moved to where they are met. Bounds that no crops of
            these sizes and shapes can meet, or none with `fg_min` or `overlap_of` that were drawn, are missed
            by the least (ours).
        centered: side of a centered square, as a share of the photo's shorter side, in (0, 1], that takes the
            place of the random crop; 0: there is none (Ryali et al., table A9, which does not say how large;
            0.875 is 224 of 256 px). Of the other fields none applies.

    Raises:
        UsageError: a value out of its range.
    """

    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    fg_min: float = 0.0
    fg_within: int | None = None
    rule: Rule | None = None
    center: Center = "uniform"
    overlap_of: int | None = None
    overlap_min: float = 0.2
    iou: tuple[int, float, float] | None = None
    centered: float = 0.0

    def __post_init__(self) -> None:
        if self.rule is None:
            other: Rule = "fg_min" if self.fg_min > 0 else "plain"
            object.__setattr__(self, "rule", "overlap" if self.overlap_of is not None else other)
        needed = {"phi": self.fg_min > 0, "overlap": self.overlap_of is not None}
        rules = (
            ("scale", self.scale, 0 < self.scale[0] <= self.scale[1] <= 1),
            ("ratio", self.ratio, 0 < self.ratio[0] <= self.ratio[1] < inf),
            ("fg_min", self.fg_min, is_share(self.fg_min)),
            (
                "fg_within",
                self.fg_within,
                self.fg_within is None or (self.fg_within >= 0 and self.fg_min > 0),
            ),
            ("rule", self.rule, self.rule in get_args(Rule) and needed.get(str(self.rule), True)),
            ("center", self.center, self.center in get_args(Center)),
            ("overlap_of", self.overlap_of, self.overlap_of is None or self.overlap_of >= 0),
            ("overlap_min", self.overlap_min, is_share(self.overlap_min)),
            ("iou", self.iou, self.iou is None or (self.iou[0] >= 0 and 0 <= self.iou[1] <= self.iou[2])),
            ("centered", self.centered, is_share(self.centered) and not (self.centered and self._bound)),
        )
        check_ranges("Crop", rules)

    @property
    def _bound(self) -> bool:
        """Whether the crop hangs on the foreground or on another view's crop."""
        return self.fg_min > 0 or self.overlap_of is not None or self.iou is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Photometric:
    """The photometric chain: color jitter, grayscale, blur, solarize. The defaults are those of MoCo v2.

    The jitter comes in two modes, which draw the same factors. ``affine``, the quick one, is one map of RGB
    as in `nvidia.dali.fn.color_twist`: saturation and hue, then contrast around mid-gray, then brightness,
    rounded once; saturation 0 is grayscale. ``torchvision`` is torchvision's ColorJitter for uint8 tensors:
    four steps in random order, each rounded down, the contrast pivots at the picture's mean gray, the hue
    turns in HSV, and grayscale is a fifth step. A background of another photo pivots at its own mean. The
    presets of `train-ssl` take ``torchvision``.

    Args:
        jitter: largest change of brightness, contrast, saturation (factors 1 ± v, not below 0) and hue
            (± v turns, at most 0.5).
        jitter_mode: ``affine`` or ``torchvision``, see above.
        jitter_p: probability of the jitter.
        gray_p: probability of grayscale.
        blur_p: probability of the Gaussian blur.
        blur_sigma: bounds of its σ in output pixels, drawn uniformly.
        solarize_p: probability of inverting all values from the threshold on, as in BYOL's code, Pillow and
            torchvision. (RELICv2, appendix A, words it as 0 below the threshold and 1 above: not done.)
        solarize_threshold: 0..256.
        auto_augment_p: probability that AutoAugment (ImageNet policy) takes the place of the whole chain
            (Revisiting's A+: 0.5).

    Raises:
        UsageError: a value out of its range.
    """

    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1)
    jitter_mode: JitterMode = "affine"
    jitter_p: float = 0.8
    gray_p: float = 0.2
    blur_p: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarize_p: float = 0.0
    solarize_threshold: int = 128
    auto_augment_p: float = 0.0

    def __post_init__(self) -> None:
        shares = ("jitter_p", "gray_p", "blur_p", "solarize_p", "auto_augment_p")
        rules = (
            (
                "jitter",
                self.jitter,
                len(self.jitter) == 4 and min(self.jitter) >= 0 and self.jitter[3] <= 0.5,
            ),
            ("jitter_mode", self.jitter_mode, self.jitter_mode in get_args(JitterMode)),
            ("blur_sigma", self.blur_sigma, 0 < self.blur_sigma[0] <= self.blur_sigma[1] < inf),
            ("solarize_threshold", self.solarize_threshold, 0 <= self.solarize_threshold <= 256),
            *((name, getattr(self, name), is_share(getattr(self, name))) for name in shares),
        )
        check_ranges("Photometric", rules)


NO_PHOTOMETRIC = Photometric(jitter=(0.0, 0.0, 0.0, 0.0), jitter_p=0.0, gray_p=0.0, blur_p=0.0)
"""The chain of a view that keeps its colors and stays sharp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a view's background may be replaced with.

    Args:
        replace: ``none``; ``grey``: one gray level (BG_RM); ``donor``: the background of another photo of the
            batch that has a foreground, cut, flipped and colored as in that photo's own view (BG_Random).
            Where no other has one, the view keeps its own.
        p: probability of the replacement, in each view on its own.
        gray: level in [0, 1] for ``grey``, 0 is black; None draws it uniformly per view (Ryali et al., 2.2,
            who found black similar).
        color: RGB in [0, 1] for ``grey`` in the place of a gray level; ``(0.485, 0.456, 0.406)`` is
            ImageNet's mean, zero after normalization (ours).
        place: ``after`` or ``before`` the photometric chain (Ryali et al., 2.2: after, before is similar).
        min_area: the foreground's least share of the whole photo (RELICv2, B.2: 0.05). A photo without any
            foreground always keeps its background.
        min_visible: the foreground's least share of the crop; below it the view would be hardly more than
            gray (ours; the papers leave it open).
        min_confidence: least confidence in the photo's mask, [0, 1], as `maskgen run` estimated it
            (`shards.confidence`); a photo below it keeps its background (ours). It may lend it, all the same.
            Shards of formats 2 and 3 say nothing of it, and are refused above 0.
        softness: width of the blended edge in mask values, [0, 1]; 0 cuts hard at the data set's threshold.

    Raises:
        UsageError: a value out of its range.
    """

    replace: Replace = "none"
    p: float = 0.0
    gray: float | None = None
    color: tuple[float, float, float] | None = None
    place: Place = "after"
    min_area: float = 0.0
    min_visible: float = 0.01
    min_confidence: float = 0.0
    softness: float = 0.0

    def __post_init__(self) -> None:
        shares = ("p", "min_area", "min_visible", "min_confidence", "softness")
        rules = (
            ("replace", self.replace, self.replace in get_args(Replace)),
            ("p", self.p, self.replace != "none" or self.p == 0),
            ("gray", self.gray, self.gray is None or is_share(self.gray)),
            (
                "color",
                self.color,
                self.color is None or (self.gray is None and all(is_share(value) for value in self.color)),
            ),
            ("place", self.place, self.place in get_args(Place)),
            *((name, getattr(self, name), is_share(getattr(self, name))) for name in shares),
        )
        check_ranges("Background", rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """Masks corrupted on purpose, anew in each view and epoch, to measure how much a method depends on them.

    Args:
        change: ``rotate`` by ± `amount` degrees, ``shear`` by ± `amount` degrees along both axes,
            ``translate`` by ± `amount` times the foreground's width and height, ``flip`` left to right with
            probability `amount` (Ryali et al., A.2); ``random_points`` (cells of the mask's grid, 128 x 128),
            ``random_rectangle`` and ``centred_rectangle`` of `amount` of the photo's area instead of the
            mask, ``add_rectangle`` to and ``remove_rectangle`` from the mask at the photo's center, of
            `amount` of the foreground's area, ``box``: the foreground's bounding box (RELICv2, H.2, tables 16
            and 17).
        amount: see `change`; not used by ``box``.

    Raises:
        UsageError: a value out of its range.
    """

    change: MaskChange
    amount: float = 0.5

    def __post_init__(self) -> None:
        highest = {"rotate": 180.0, "shear": 80.0, "translate": inf}.get(self.change, 1.0)
        known = self.change in get_args(MaskChange)
        check_ranges(
            "Corruption",
            (("change", self.change, known), ("amount", self.amount, 0 <= self.amount <= highest)),
        )
