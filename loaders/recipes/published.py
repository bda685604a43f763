"""The views of the published methods by name, each value with its source.

Sources: MoCo v2 (facebookresearch/moco), SimCLR (Chen et al. 2020), SimSiam (Chen and He 2021), BYOL (Grill
et al. 2020), SwAV (Caron et al. 2020) for the chains; Ryali et al. for BG_RM, BG_Random and BG_Swaps;
RELICv2; CAST; MSR; Revisiting (Van Gansbeke et al. 2021) for the rest.
"""

from __future__ import annotations

from dataclasses import replace

from .parts import NO_PHOTOMETRIC, Background, Center, Crop, Photometric
from .spec import Negative, Recipe, View

_MOCO = Photometric()  # jitter (.4,.4,.4,.1) p .8, gray .2, blur (.1,2) p .5
_SIMCLR = Photometric(jitter=(0.8, 0.8, 0.8, 0.2))  # appendix A, strength 1; blur p .5
_SWAV = Photometric(jitter=(0.8, 0.8, 0.8, 0.2))  # the code; the same values as SimCLR's
# BYOL, table 6, first and second view; RELICv2, table 4, calls them even and odd.
_EVEN = Photometric(jitter=(0.4, 0.4, 0.2, 0.1), blur_p=1.0)
_ODD = Photometric(jitter=(0.4, 0.4, 0.2, 0.1), blur_p=0.1, solarize_p=0.2)
_CAST = Photometric(
    jitter=(0.4, 0.4, 0.4, 0.4), jitter_p=0.5, blur_p=0.0
)  # the code's settings; what it does with them differs
_LARGE = Crop(scale=(0.2, 1.0))
_SMALL_SCALE = (0.05, 0.14)


def _gray(p: float) -> Background:
    """BG_RM: a gray level drawn for each view, after the chain (Ryali et al., 2.2)."""
    return Background(replace="grey", p=p)


def _donor(p: float) -> Background:
    """BG_Random: the background of another photo of the batch, after the chain (Ryali et al., 2.2)."""
    return Background(replace="donor", p=p)


def _pair(first: View, second: View | None = None) -> Recipe:
    return Recipe(views=(first, first if second is None else second))


def _mocov2(background: Background, fg_min: float = 0.0) -> View:
    return View(crop=replace(_LARGE, fg_min=fg_min, rule=None), photometric=_MOCO, background=background)


def _byol(background: Background, fg_min: float = 0.0, scale: tuple[float, float] = (0.2, 1.0)) -> Recipe:
    """Ryali et al. (A.1.1) crop from 0.2, the original from 0.08."""
    crop = Crop(scale=scale, fg_min=fg_min)
    return _pair(
        View(crop=crop, photometric=_EVEN, background=background),
        View(crop=crop, photometric=_ODD, background=background),
    )


def _swav(background: Background, fg_min: float = 0.0) -> Recipe:
    """2 x 224 and 6 x 96; backgrounds are replaced in the large crops only (unsaid in the paper)."""
    large = View(crop=Crop(scale=(0.14, 1.0), fg_min=fg_min), photometric=_SWAV, background=background)
    small = View(size=96, crop=Crop(scale=_SMALL_SCALE), photometric=_SWAV)
    return Recipe(views=(large,) * 2 + (small,) * 6)


def _relicv2(large: int = 4, small: int = 2) -> Recipe:
    """4 x 224 and 2 x 96, odd and even in turn (table 4); other even numbers as G.4 has them.

    The background is removed before the chain, as in listing 1, drawn for each large view on its own and
    never for a small one, only where the foreground covers 5 % of the photo (B.2), with p_m 0.1 (G.5). Small
    crops take 0.05 to 0.14 of the area also in the even column, where table 4 has no row for them.
    """
    removed = Background(replace="grey", p=0.1, place="before", min_area=0.05)
    odd = View(crop=Crop(scale=(0.14, 1.0)), photometric=_ODD, background=removed)
    even = View(crop=Crop(scale=(0.08, 1.0)), photometric=_EVEN, background=removed)
    crop = View(size=96, crop=Crop(scale=_SMALL_SCALE), photometric=_ODD)
    crops = (crop, replace(crop, photometric=_EVEN)) * (small // 2)
    return Recipe(views=((odd, even) * (large // 2) + crops))


def _cast(center: Center = "foreground") -> Recipe:
    """Query and key, each with φ = 0.2 of the saliency.

    7 x 7 masks of both and the masked key (sections 3.1-3.3). The code draws the crops' centers around the
    saliency; the paper says no more than random.
    """
    crop = Crop(scale=(0.2, 1.0), fg_min=0.2, rule="phi", center=center)
    query = View(crop=crop, photometric=_CAST, cam_masks=7)
    return _pair(query, replace(query, masked=True))


def _cast_control(phi: float) -> Recipe:
    """CAST's baselines (4.1): its chain without its masks, on MoCo's crops (phi 0) or on its own."""
    crop = Crop(scale=(0.2, 1.0))
    if phi:
        crop = replace(crop, fg_min=phi, rule="phi", center="foreground")
    return _pair(View(crop=crop, photometric=_CAST))


def _cast_intersection() -> Recipe:
    """Table 2d: saliency inside the intersection of query and key alone.

    As the code's ``--second-constraint all --output-mask-region all``: both masks and the masked key are cut
    to the intersection, and the key also holds φ of the saliency that the query shows.
    """
    query, key = _cast().views
    crop = replace(key.crop, fg_within=0)
    return _pair(replace(query, masks_within=1), replace(key, crop=crop, masks_within=0))


def _with_swaps(recipe: Recipe) -> Recipe:
    """BG_Swaps on another method than MoCo v2, with MoCo's p_pos = p_neg = .2 (ours).

    Donors' backgrounds in the query and the key, and a negative that is cut and colored like the query,
    without AutoAugment, which masks do not follow.
    """
    query, key, *small = recipe.views
    chain = replace(query.photometric, auto_augment_p=0.0)
    query = replace(query, photometric=chain, background=_donor(0.2))
    other = View(size=query.size, crop=query.crop, photometric=chain)
    return Recipe(
        views=(query, replace(key, background=_donor(0.2)), *small), negative=Negative(p=0.2, view=other)
    )


def _multi_crop(constrained: bool, auto_augment_p: float = 0.0) -> Recipe:
    """Query and key 160 px, four small crops 96 px (Revisiting, 4.1, A.1), which may have to overlap the key.

    The paper asks for an overlap of 20 % of a small crop's area, its code for 10 %. AutoAugment is for all
    but the key (4.2: A+).
    """
    strong, scale = replace(_MOCO, auto_augment_p=auto_augment_p), _SMALL_SCALE
    query = View(size=160, crop=_LARGE, photometric=strong)
    crop = Crop(scale=scale, overlap_of=1, overlap_min=0.2) if constrained else Crop(scale=scale)
    small = View(size=96, crop=crop, photometric=strong)
    return Recipe(views=(query, replace(query, photometric=_MOCO)) + (small,) * 4)


# No chance in it: the largest centered square.
_WHOLE = View(
    crop=Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0)), photometric=NO_PHOTOMETRIC, flip_p=0.0, masks=True
)
_SIMCLR_CROP = Crop(scale=(0.08, 1.0))
_SWAPPED = _mocov2(_donor(0.2), 0.1)

RECIPES: dict[str, Recipe] = {
    "mocov2": _pair(_mocov2(Background())),
    "mocov2-bg-rm": _pair(_mocov2(_gray(0.2))),  # A.1.1
    "mocov2-bg-random": _pair(_mocov2(_donor(0.2))),  # table A5
    "mocov2-bg-swaps": Recipe(  # p_pos = p_neg = .2, fg_min .1: A.1.1
        views=(_SWAPPED, _SWAPPED), negative=Negative(p=0.2, view=_mocov2(Background(), 0.1))
    ),
    "simclr": _pair(View(crop=_SIMCLR_CROP, photometric=_SIMCLR)),
    "simclr-bg-swaps": _with_swaps(
        _pair(View(crop=replace(_SIMCLR_CROP, fg_min=0.1, rule=None), photometric=_SIMCLR))
    ),
    "simsiam": _pair(View(crop=_LARGE, photometric=_MOCO)),  # section 3: MoCo v2's chain
    "byol": _byol(Background(), scale=(0.08, 1.0)),
    "byol-plain": _byol(Background()),  # A.1.1: the control, crops from .2
    "byol-bg-rm": _byol(_gray(0.15), 0.05),  # A.1.1
    "byol-bg-random": _byol(_donor(0.05), 0.05),  # A.1.1
    "byol-saliency": _byol(  # RELICv2, table 14
        Background(replace="grey", p=0.1, place="before", min_area=0.05), scale=(0.08, 1.0)
    ),
    "swav": _swav(Background()),
    "swav-bg-rm": _swav(_gray(0.15), 0.05),  # A.1.1
    "swav-bg-random": _swav(_donor(0.05), 0.05),  # A.1.1; table A8 has its best at .2
    "relicv2": _relicv2(),
    **{
        f"relicv2-{large}-{small}": _relicv2(large, small)
        for large, small in ((2, 0), (2, 2), (2, 6), (4, 0), (6, 2), (8, 2))
    },
    "cast": _cast(),
    "cast-bg-swaps": _with_swaps(_cast()),
    "cast-intersection": _cast_intersection(),
    "cast-uniform": _cast(center="uniform"),
    "cast-plain": _cast_control(0.0),
    "cast-crop": _cast_control(0.2),
    "msr": _pair(View(crop=_LARGE, photometric=_MOCO, weak=True)),  # section 4.1: MoCo v2's chain
    "msr-weak": _pair(  # table 1, AW: one view aggressive, the other weak, each with a crop of its own
        View(crop=_LARGE, photometric=_MOCO), View(crop=_LARGE, photometric=NO_PHOTOMETRIC)
    ),
    "knn-moco": _multi_crop(constrained=True, auto_augment_p=0.5),
    "knn-moco-bg-swaps": _with_swaps(_multi_crop(constrained=True, auto_augment_p=0.5)),
    "multi-crop": _multi_crop(constrained=False),  # Revisiting, table 4: MC
    "multi-crop-overlap": _multi_crop(constrained=True),  # MC, CC
    "supervised": Recipe(views=(View(crop=Crop(scale=(0.08, 1.0)), photometric=NO_PHOTOMETRIC),)),
    "plain": Recipe(views=(_WHOLE,)),
}
"""Every recipe by name; ``dataclasses.replace`` makes variants."""
