"""What the views of an image are: crop, flip, photometric chain, background, extra outputs. No pixels here.

A `Recipe` is the one description from which both backends are built: the DALI graph and the torch reference.
Every view is made in this order: cut the crop, resize it, flip it; with ``place="before"`` replace its
background; colour (brightness, contrast, saturation, hue; greyscale), blur, solarise, or in their stead one
AutoAugment sub-policy; with ``place="after"`` replace its background.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Literal, TypeAlias, get_args

from maskgen.errors import UsageError

Rule: TypeAlias = Literal["plain", "fg_min", "phi", "overlap"]
Centre: TypeAlias = Literal["uniform", "foreground"]
Replace: TypeAlias = Literal["none", "grey", "donor"]
Place: TypeAlias = Literal["after", "before"]
MaskChange: TypeAlias = Literal[
    "rotate", "shear", "translate", "flip", "random_rectangle", "centred_rectangle", "add_rectangle",
    "remove_rectangle", "box",
]  # fmt: skip

IMAGENET_MEAN = (124, 116, 104)
"""Round(255 · (0.485, 0.456, 0.406)): the uint8 RGB that becomes zero when a view is normalised."""


def _check(owner: str, rules: Iterable[tuple[str, object, bool]]) -> None:
    for name, value, holds in rules:
        if not holds:
            raise UsageError(f"{owner}({name}={value!r}) is out of range", remedy=f"see help({owner})")


def _share(value: float) -> bool:
    return 0 <= value <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A random resized crop. Up to ten tries are drawn; the first that meets every condition is taken.

    Args:
        scale: bounds of the crop's share of the image area, in (0, 1].
        ratio: bounds of the crop's width / height.
        fg_min: smallest share of the whole foreground area that the crop must hold, in [0, 1]
            (Ryali et al., A.4: 0, 0.1, 0.2; CAST's φ, 0.2). A photo without foreground takes any crop.
        rule: what a crop is when no try is good. ``plain`` and ``fg_min``: the centre crop of torchvision's
            RandomResizedCrop (Ryali et al., A.4). ``phi``: the foreground's box, grown at random (CAST's code).
            ``overlap``: any crop (code of Revisiting Contrastive Methods). None chooses by the other fields.
        centre: law of the crop's centre: ``uniform``, or ``foreground``, a normal law around the mask's centroid
            with the image's height and width as its deviations, cut to the image (CAST's code; its paper says no
            more than random).
        overlap_of: index of an earlier view that the crop must overlap.
        overlap_min: by at least this share of its own area (Revisiting, A.1: 0.2; its code: 0.1).
        iou: (index of an earlier view, lowest, highest intersection over union with its crop); Revisiting,
            figures 1-3, sets the highest. Where no try reaches the bounds, the nearest one is taken (ours).

    Raises:
        UsageError: a value out of its range.
    """

    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    fg_min: float = 0.0
    rule: Rule | None = None
    centre: Centre = "uniform"
    overlap_of: int | None = None
    overlap_min: float = 0.2
    iou: tuple[int, float, float] | None = None

    def __post_init__(self) -> None:
        if self.rule is None:
            other: Rule = "fg_min" if self.fg_min > 0 else "plain"
            object.__setattr__(self, "rule", "overlap" if self.overlap_of is not None else other)
        needed = {"phi": self.fg_min > 0, "overlap": self.overlap_of is not None}
        rules = (
            ("scale", self.scale, 0 < self.scale[0] <= self.scale[1] <= 1),
            ("ratio", self.ratio, 0 < self.ratio[0] <= self.ratio[1] < inf),
            ("fg_min", self.fg_min, _share(self.fg_min)),
            ("rule", self.rule, self.rule in get_args(Rule) and needed.get(str(self.rule), True)),
            ("centre", self.centre, self.centre in get_args(Centre)),
            ("overlap_of", self.overlap_of, self.overlap_of is None or self.overlap_of >= 0),
            ("overlap_min", self.overlap_min, _share(self.overlap_min)),
            ("iou", self.iou, self.iou is None or (self.iou[0] >= 0 and 0 <= self.iou[1] <= self.iou[2])),
        )
        _check("Crop", rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Photometric:
    """The photometric chain: colour jitter, greyscale, blur, solarise. The defaults are those of MoCo v2.

    The jitter is one affine map of RGB, as in `nvidia.dali.fn.color_twist`: saturation and hue, then contrast
    around mid-grey, then brightness, rounded once. torchvision's ColorJitter draws the same factors, but applies
    them in random order, rounds after each, pivots the contrast at the photo's mean and turns the hue in HSV:
    four passes, which cost more than all the rest of a view. Saturation 0 is greyscale.

    Args:
        jitter: largest change of brightness, contrast, saturation (factors 1 ± v, not below 0) and hue
            (± v turns, at most 0.5).
        jitter_p: probability of the jitter.
        grey_p: probability of greyscale.
        blur_p: probability of the Gaussian blur.
        blur_sigma: bounds of its σ in output pixels, drawn uniformly.
        solarise_p: probability of inverting all values from the threshold on.
        solarise_threshold: 0..256.
        auto_augment_p: probability that AutoAugment (ImageNet policy) takes the place of the whole chain
            (Revisiting's A+: 0.5).

    Raises:
        UsageError: a value out of its range.
    """

    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1)
    jitter_p: float = 0.8
    grey_p: float = 0.2
    blur_p: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise_p: float = 0.0
    solarise_threshold: int = 128
    auto_augment_p: float = 0.0

    def __post_init__(self) -> None:
        shares = ("jitter_p", "grey_p", "blur_p", "solarise_p", "auto_augment_p")
        rules = (
            (
                "jitter",
                self.jitter,
                len(self.jitter) == 4 and min(self.jitter) >= 0 and self.jitter[3] <= 0.5,
            ),
            ("blur_sigma", self.blur_sigma, 0 < self.blur_sigma[0] <= self.blur_sigma[1] < inf),
            ("solarise_threshold", self.solarise_threshold, 0 <= self.solarise_threshold <= 256),
            *((name, getattr(self, name), _share(getattr(self, name))) for name in shares),
        )
        _check("Photometric", rules)


NO_PHOTOMETRIC = Photometric(jitter=(0.0, 0.0, 0.0, 0.0), jitter_p=0.0, grey_p=0.0, blur_p=0.0)
"""The chain of a view that keeps its colors and stays sharp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a view's background may be replaced with.

    Args:
        replace: ``none``; ``grey``: one grey level (BG_RM); ``donor``: the background of another photo of the
            batch, cut, flipped and coloured as in that photo's own view (BG_Random).
        p: probability of the replacement, in each view on its own.
        grey: level in [0, 1] for ``grey``, 0 is black; None draws it uniformly per view (Ryali et al., 2.2).
        place: ``after`` or ``before`` the photometric chain (Ryali et al., 2.2: after, before is similar).
        min_area: the foreground's least share of the whole photo (RELICv2, B.2: 0.05). A photo without any
            foreground always keeps its background.
        min_visible: the foreground's least share of the crop; below it the view would be hardly more than grey
            (ours; the papers leave it open).
        softness: width of the blended edge in mask values, [0, 1]; 0 cuts hard at the data set's threshold.

    Raises:
        UsageError: a value out of its range.
    """

    replace: Replace = "none"
    p: float = 0.0
    grey: float | None = None
    place: Place = "after"
    min_area: float = 0.0
    min_visible: float = 0.01
    softness: float = 0.0

    def __post_init__(self) -> None:
        shares = ("p", "min_area", "min_visible", "softness")
        rules = (
            ("replace", self.replace, self.replace in get_args(Replace)),
            ("p", self.p, self.replace != "none" or self.p == 0),
            ("grey", self.grey, self.grey is None or _share(self.grey)),
            ("place", self.place, self.place in get_args(Place)),
            *((name, getattr(self, name), _share(getattr(self, name))) for name in shares),
        )
        _check("Background", rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view of each image. The defaults are those of MoCo v2.

    Args:
        size: side of the square view, px.
        crop: how its crop is chosen.
        photometric: its photometric chain.
        background: what may happen to its background.
        flip_p: probability of a horizontal flip.
        masks: also give the (size, size) mask of the view, 255 where it shows foreground, else 0.
        cam_masks: also give that mask made smaller to this side (antialiased, so soft, 0 to 1); 0: do not. CAST
            takes 7, by bilinear samples; the mean over each cell uses all of the mask (deviation).
        weak: also give the same crop, flipped alike, before the photometric chain and with its own background
            (MSR's weak view).
        masked: also give the finished view with its background at the ImageNet mean (CAST's masked key, whose
            background is zero after normalisation).

    Raises:
        UsageError: a value out of its range.
    """

    size: int = 224
    crop: Crop = field(default_factory=Crop)
    photometric: Photometric = field(default_factory=Photometric)
    background: Background = field(default_factory=Background)
    flip_p: float = 0.5
    masks: bool = False
    cam_masks: int = 0
    weak: bool = False
    masked: bool = False

    def __post_init__(self) -> None:
        rules = (
            ("size", self.size, self.size >= 1),
            ("flip_p", self.flip_p, _share(self.flip_p)),
            ("cam_masks", self.cam_masks, 0 <= self.cam_masks <= self.size),
        )
        _check("View", rules)

    @property
    def needs_masks(self) -> bool:
        """Whether a backend needs the foreground mask to make this view."""
        return self.masks or self.cam_masks > 0 or self.masked or self.background.p > 0

    @property
    def uses_mask_last(self) -> bool:
        """Whether the mask must fit the finished view."""
        given = self.masks or self.cam_masks > 0 or self.masked
        return given or (self.background.p > 0 and self.background.place == "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """BG_Swaps' extra negative for the first view (the query): one more view, of another photo of the batch.

    With probability `p` it stands on the query's final background, n = f·r + (1 - f)·bg(q), where r is the
    other photo's view and f its foreground; else it is that view as it is, so that a query always has the same
    number of negatives (Ryali et al., 3.3). The paper's section 2.2 prints the formula with the roles of the two
    photos exchanged, which would show the query's foreground in its own negative; its text, figure 1 and table 3
    mean this one.

    Args:
        p: probability that the negative's background matches the query's.
        view: of r; its size and photometric chain are those of the query. Of its background, min_area,
            min_visible and softness apply. It has no outputs but itself: no masks, weak or masked pictures.

    Raises:
        UsageError: a value out of its range.
    """

    p: float = 0.2
    view: View = field(default_factory=View)

    def __post_init__(self) -> None:
        law = self.view.background
        more = self.view.masks or self.view.cam_masks or self.view.weak or self.view.masked
        plain = law.replace == "none" and law.place == "after" and not more
        _check("Negative", (("p", self.p, _share(self.p)), ("view", self.view, plain)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """Masks spoiled on purpose, anew in each epoch, to measure how much a method depends on them.

    Args:
        change: ``rotate`` by ± `amount` degrees, ``shear`` by ± `amount` degrees along both axes, ``translate``
            by ± `amount` times the foreground's width and height, ``flip`` left to right with probability
            `amount` (Ryali et al., A.2); ``random_rectangle`` and ``centred_rectangle`` of `amount` of the photo's area
            instead of the mask, ``add_rectangle`` to and ``remove_rectangle`` from the mask at the photo's centre,
            of `amount` of the foreground's area, ``box``: the foreground's bounding box (RELICv2, H.2, tables
            16 and 17).
        amount: see `change`; not used by ``box``.

    Raises:
        UsageError: a value out of its range.
    """

    change: MaskChange
    amount: float = 0.5

    def __post_init__(self) -> None:
        highest = {"rotate": 180.0, "shear": 80.0, "translate": inf}.get(self.change, 1.0)
        known = self.change in get_args(MaskChange)
        _check(
            "Corruption",
            (("change", self.change, known), ("amount", self.amount, 0 <= self.amount <= highest)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that is made of one image.

    Args:
        views: one or more; views of other views' crops (`Crop.overlap_of`, `Crop.iou`) stand behind them.
        negative: the extra negative of the first view.
        corruption: spoil the masks first.

    Raises:
        UsageError: a value out of its range, or parts that do not fit each other.
    """

    views: tuple[View, ...]
    negative: Negative | None = None
    corruption: Corruption | None = None

    def __post_init__(self) -> None:
        _check("Recipe", (("views", self.views, len(self.views) > 0),))
        for index, view in enumerate(self.views):
            crop = view.crop
            others = [crop.overlap_of, crop.iou[0] if crop.iou else None]
            _check("Recipe", ((f"views[{index}].crop", crop, all(o is None or o < index for o in others)),))
            if view.photometric.auto_augment_p and view.uses_mask_last:
                raise _unfit(f"views[{index}] turns pictures by AutoAugment, where its mask would not follow")
        if self.negative is not None:
            self._check_negative(self.negative)

    def _check_negative(self, negative: Negative) -> None:
        query, crop = self.views[0], negative.view.crop
        if query.size != negative.view.size:
            raise _unfit(f"the negative has {negative.view.size} px, the first view {query.size} px")
        if query.background.place == "before" and query.background.p:
            raise _unfit(
                "a negative needs a first view with its background placed after the photometric chain"
            )
        if query.photometric.auto_augment_p or negative.view.photometric.auto_augment_p:
            raise _unfit("a negative takes pictures apart by their masks, which do not follow AutoAugment")
        if query.photometric != negative.view.photometric:
            raise _unfit("the negative and the first view have different photometric chains")
        if crop.overlap_of is not None or crop.iou is not None:
            raise _unfit("the negative shows another photo, so that its crop cannot overlap with a view's")

    @property
    def needs_masks(self) -> bool:
        """Whether a backend needs the foreground masks at all."""
        return self.negative is not None or any(view.needs_masks for view in self.views)

    @property
    def needs_backgrounds(self) -> bool:
        """Whether a backend needs the foreground-free pictures (KEY.bg.jpg)."""
        donors = any(v.background.replace == "donor" and v.background.p > 0 for v in self.views)
        return donors or (self.negative is not None and self.negative.p > 0)


def _unfit(what: str) -> UsageError:
    return UsageError(
        f"the parts of a recipe do not fit each other: {what}", remedy="see help(Recipe), help(Negative)"
    )
