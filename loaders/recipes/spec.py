"""What the views of an image are: crop, flip, photometric chain, background, extra outputs. No pixels here.

A `Recipe` is the one description from which both backends make views: DALI's operators, and the CPU's
renderer. Every view is made in this order: cut the crop, resize it, flip it; with ``place="before"`` replace
its background; color (brightness, contrast, saturation, hue; grayscale), blur, solarize, or in their stead
one AutoAugment sub-policy; with ``place="after"`` replace its background.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import get_args

from maskgen.errors import UsageError

from .parts import Background, Corruption, Crop, Formula, Photometric, check_ranges, is_share


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
        cam_masks: also give that mask made smaller to this side, the mean over each cell, 0 to 1; 0: do not.
            CAST takes 7, by bilinear samples; the mean over each cell uses all of the mask (deviation).
        weak: also give the same crop, flipped alike, before the photometric chain and with its own background
            (MSR's weak view).
        masked: also give the finished view with its background at the ImageNet mean (CAST's masked key, whose
            background is zero after normalization).
        masks_within: index of another view: what these masks show outside of its crop is no foreground (CAST,
            table 2d: the intersection of query and key). A pixel counts by its center. Backgrounds are
            replaced by the whole mask all the same.
        kept: also give the finished view on its own background, where that was not replaced the view itself
            (what `train-ssl mocov2 --set enqueue=own` keeps in the queue).

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
    masks_within: int | None = None
    kept: bool = False

    def __post_init__(self) -> None:
        given = self.masks or self.cam_masks > 0 or self.masked
        rules = (
            ("size", self.size, self.size >= 1),
            ("flip_p", self.flip_p, is_share(self.flip_p)),
            ("cam_masks", self.cam_masks, 0 <= self.cam_masks <= self.size),
            (
                "masks_within",
                self.masks_within,
                self.masks_within is None or (self.masks_within >= 0 and given),
            ),
        )
        check_ranges("View", rules)

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
    """BG_Swaps' extra negatives for the first view (the query): views of other photos of the batch.

    With probability `p` one stands on the query's final background, n = f·r + (1 - f)·bg(q), where r is the
    other photo's view and f its foreground; else it is that view as it is, so that a query always has the
    same number of negatives (Ryali et al., 3.3). Section 2.2 prints f_q·q + (1 - f_q)·r with the query's
    mask f_q, which shows the query's foreground in its own negative; its text, figure 1 and table 3 mean the
    former.

    Args:
        p: probability that a negative's background matches the query's; each is drawn on its own.
        view: of r; its size and photometric chain are those of the query. Of its background, place, min_area,
            min_visible, min_confidence and softness apply; `place` is the query's. Before the chain, both
            parts of a negative get the colors of r (Ryali et al., 2.2: before is similar). It has no outputs
            but itself: no masks, weak, masked or kept pictures.
        count: negatives of each query (A.3.2: 5), of other photos each while the batch has as many.
        background_of: the view whose background they match: 0, the query, or 1, its positive key (A.3.4).
        coupled: the coin that replaces that view's background also decides on its negatives: they are matched
            only where it was replaced (A.3.3: coupled); `p` is at most that view's. False: independent.
        formula: ``prose``, as above; ``printed``: f_q·q + (1 - f_q)·r, the query's foreground before the
            whole picture r; ``hole``: (1 - f_q)·q + f_q·r, r seen through the query's silhouette, which the
            printed formula says if f_q is the background's mask. Both are made of finished views.

    Raises:
        UsageError: a value out of its range.
    """

    p: float = 0.2
    view: View = field(default_factory=View)
    count: int = 1
    background_of: int = 0
    coupled: bool = False
    formula: Formula = "prose"

    def __post_init__(self) -> None:
        more = (self.view.masks, self.view.cam_masks, self.view.weak, self.view.masked, self.view.kept)
        plain = self.view.background.replace == "none" and not any(more)
        rules = (
            ("p", self.p, is_share(self.p)),
            ("view", self.view, plain),
            ("count", self.count, self.count >= 1),
            ("background_of", self.background_of, self.background_of >= 0),
            ("formula", self.formula, self.formula in get_args(Formula)),
        )
        check_ranges("Negative", rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that is made of one image.

    Args:
        views: one or more; crops that depend on other views' (`Crop.overlap_of`, `Crop.fg_within`,
            `Crop.iou`) stand behind them.
        negative: the extra negative of the first view.
        corruption: how the masks are corrupted first.

    Raises:
        UsageError: a value out of its range, or parts that do not fit each other.
    """

    views: tuple[View, ...]
    negative: Negative | None = None
    corruption: Corruption | None = None

    def __post_init__(self) -> None:
        check_ranges("Recipe", (("views", self.views, len(self.views) > 0),))
        for index, view in enumerate(self.views):
            crop = view.crop
            others = [crop.overlap_of, crop.fg_within, crop.iou[0] if crop.iou else None]
            within = view.masks_within
            check_ranges(
                "Recipe",
                (
                    (f"views[{index}].crop", crop, all(o is None or o < index for o in others)),
                    (
                        f"views[{index}].masks_within",
                        within,
                        within is None or (within < len(self.views) and within != index),
                    ),
                ),
            )
            if view.photometric.auto_augment_p and view.uses_mask_last:
                raise _unfit(f"views[{index}] turns pictures by AutoAugment, where its mask would not follow")
        if self.negative is not None:
            self._check_negative(self.negative)

    def _check_negative(self, negative: Negative) -> None:
        if negative.background_of >= len(self.views):
            raise _unfit(f"the negative's background is that of view {negative.background_of}, which is none")
        query, crop = self.views[negative.background_of], negative.view.crop
        law, own = query.background, negative.view.background
        if query.size != negative.view.size:
            raise _unfit(
                f"the negative has {negative.view.size} px, view {negative.background_of} {query.size} px"
            )
        if law.p and law.place != own.place and negative.formula == "prose":
            raise _unfit(
                f"a negative's background is placed {own.place} the photometric chain, that of its view "
                f"{law.place} it"
            )
        if query.photometric.auto_augment_p or negative.view.photometric.auto_augment_p:
            raise _unfit("a negative takes pictures apart by their masks, which do not follow AutoAugment")
        if query.photometric != negative.view.photometric:
            raise _unfit(f"the negative and view {negative.background_of} have different photometric chains")
        if crop.overlap_of is not None or crop.fg_within is not None or crop.iou is not None:
            raise _unfit("the negative shows another photo, so that its crop cannot overlap with a view's")
        if negative.coupled and negative.p > law.p:
            raise _unfit(
                f"coupled negatives have p {negative.p:g}, the replacement that decides on them {law.p:g}"
            )

    @property
    def all_views(self) -> tuple[View, ...]:
        """The views, and behind them that of each negative."""
        extra = self.negative
        return (*self.views, *((extra.view,) * extra.count if extra is not None else ()))

    @property
    def needs_masks(self) -> bool:
        """Whether a backend needs the foreground masks at all."""
        return self.negative is not None or any(view.needs_masks for view in self.views)

    @property
    def min_confidence(self) -> float:
        """The largest of its views' `Background.min_confidence`; 0 where it asks for none."""
        views = self.views if self.negative is None else (*self.views, self.negative.view)
        return max(view.background.min_confidence for view in views)

    def trusting(self, min_confidence: float) -> Recipe:
        """The recipe with this `Background.min_confidence` in every view and in the negative.

        Args:
            min_confidence: least confidence in the photo's mask, [0, 1].

        Raises:
            UsageError: it is out of its range.

        Example:
            >>> from maskgen.loaders import Recipe, View
            >>> Recipe(views=(View(),)).trusting(0.5).min_confidence
            0.5
        """

        def changed(view: View) -> View:
            return replace(view, background=replace(view.background, min_confidence=min_confidence))

        other = self.negative and replace(self.negative, view=changed(self.negative.view))
        return replace(self, views=tuple(changed(view) for view in self.views), negative=other)

    @property
    def needs_backgrounds(self) -> bool:
        """Whether a backend needs the foreground-free pictures (KEY.bg.jpg)."""
        donors = any(v.background.replace == "donor" and v.background.p > 0 for v in self.views)
        extra = self.negative
        return donors or (extra is not None and extra.p > 0 and extra.formula == "prose")


def _unfit(what: str) -> UsageError:
    return UsageError(
        f"the parts of a recipe do not fit each other: {what}", remedy="see help(Recipe), help(Negative)"
    )
