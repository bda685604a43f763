"""A recipe with a preset's changes: backgrounds, sizes, crops, and views that do not fit."""

from __future__ import annotations

import dataclasses

import pytest

from maskgen.errors import UsageError
from maskgen.loaders.recipes.published import RECIPES
from maskgen.trainers.presets import PRESETS, Preset, fingerprint, render, with_overrides
from maskgen.trainers.registry import METHOD_NAMES


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("kind", ["grey", "donor"])
def test_every_method_takes_any_background_and_corruption(method: str, kind: str) -> None:
    changes = {
        "background": kind,
        "background_p": "0.3",
        "fg_min": "0.1",
        "corruption": "rotate",
        "corruption_amount": "30",
    }
    recipe = with_overrides(PRESETS[method]["smoke"], changes).views
    largest = max(view.size for view in recipe.views)
    for view in recipe.views:
        assert (view.background.p == 0.3) == (view.size == largest)
        assert view.size < largest or (view.background.replace == kind and view.crop.fg_min == 0.1)
    assert recipe.corruption is not None
    assert (recipe.corruption.change, recipe.corruption.amount) == ("rotate", 30)


def test_small_views_take_part_when_asked() -> None:
    changes = {"background": "grey", "background_p": "0.1", "background_small": "yes"}
    assert all(v.background.p == 0.1 for v in with_overrides(PRESETS["swav"]["smoke"], changes).views.views)


def test_casts_crop_becomes_mocos_without_a_least_foreground() -> None:
    crop = with_overrides(PRESETS["cast"]["coco-200"], {"fg_min": "0"}).views.views[0].crop
    assert crop == RECIPES["mocov2"].views[0].crop


def test_sizes_change_without_the_rest() -> None:
    recipe = with_overrides(PRESETS["mocov2"]["bg-swaps-220"], {"view_px": "96"}).views
    assert recipe.negative is not None
    assert [view.size for view in (*recipe.views, recipe.negative.view)] == [96, 96, 96]
    before = PRESETS["mocov2"]["bg-swaps-220"].views
    assert dataclasses.replace(recipe.views[0], size=224) == before.views[0]


def test_every_preset_has_torchvisions_jitter_and_the_quick_one_only_by_name() -> None:
    for method, presets in PRESETS.items():
        for preset in presets.values():
            chains = [view.photometric for view in preset.views.views]
            assert {chain.jitter_mode for chain in chains if chain.jitter_p} <= {"torchvision"}, method
            assert 'jitter = "torchvision"' in render(preset)
    quick = with_overrides(PRESETS["mocov2"]["bg-swaps-220"], {"jitter": "affine"})
    assert 'jitter = "affine"  # set by you' in render(quick)
    recipe = quick.views
    assert recipe.negative is not None
    views = (*recipe.views, recipe.negative.view)
    assert {view.photometric.jitter_mode for view in views} == {"affine"}
    assert fingerprint(quick) != fingerprint(PRESETS["mocov2"]["bg-swaps-220"])


WITHOUT_NEGATIVES = ("simsiam", "byol", "swav", "relicv2")


@pytest.mark.parametrize(
    ("method", "recipe", "cause"),
    [
        ("simclr", "supervised", "simclr compares 2 views"),
        ("cast", "mocov2", "does not make cam_masks and masked"),
        ("msr", "byol", "does not make weak"),
        ("cast", "relicv2", "cast uses 2 of its 6 views"),
        ("msr", "swav", "msr uses 2 of its 8 views"),
        ("supervised", "byol", "supervised uses 1 of its 2 views"),
        ("byol", "msr", "makes weak, which byol does not use"),
        ("mocov2", "cast", "makes cam_masks, which mocov2 does not use"),
        *((name, "mocov2-bg-swaps", "makes a matched negative") for name in WITHOUT_NEGATIVES),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(method: str, recipe: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        with_overrides(PRESETS[method]["smoke"], {"recipe": recipe})


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_all_that_a_recipe_makes_is_used_or_refused(method: str) -> None:
    """By the table that a reader would write, not by the registry."""
    many = {"mocov2", "simclr", "simsiam", "byol", "swav", "relicv2", "knn-moco"}
    contrast = {"mocov2", "simclr", "cast", "knn-moco"}
    parts = {"cast": {"cam_masks", "masked"}, "msr": {"weak"}}.get(method, set())
    for name, recipe in RECIPES.items():
        count, least = len(recipe.views), 1 if method == "supervised" else 2
        made = {
            part for part in ("cam_masks", "masked", "weak") if any(getattr(v, part) for v in recipe.views)
        }
        fits = (
            (count >= least if method in many else count == least)
            and (recipe.negative is None or method in contrast)
            and made == parts
        )
        try:
            with_overrides(PRESETS[method]["smoke"], {"recipe": name})
        except UsageError:
            assert not fits, name
        else:
            assert fits, name


def test_small_views_stay_smaller_than_large_ones() -> None:
    """A method would take them for large ones, and for targets."""
    with pytest.raises(UsageError, match="large views have 96 px, its small ones 96 px"):
        with_overrides(PRESETS["swav"]["imagenet-100"], {"view_px": "96"})
    assert len(with_overrides(PRESETS["swav"]["imagenet-100"], {"view_px": "97"}).views.views) == 8
    assert with_overrides(PRESETS["mocov2"]["smoke"], {"view_px": "16"}).views.views[0].size == 16


def test_symmetry_that_changes_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="the 6 views of 'relicv2' are all paired anyhow"):
        with_overrides(PRESETS["mocov2"]["smoke"], {"recipe": "relicv2", "symmetric": "yes"})


@pytest.mark.parametrize("name", ["simclr-bg-swaps", "cast-bg-swaps", "knn-moco-bg-swaps"])
def test_swaps_of_other_methods_change_backgrounds_alone(name: str) -> None:
    recipe, plain = RECIPES[name], RECIPES[name.removesuffix("-bg-swaps")]
    assert recipe.negative is not None
    assert recipe.negative.p == 0.2
    assert [view.background.p for view in recipe.views[:2]] == [0.2, 0.2]
    assert [view.background.replace for view in recipe.views[:2]] == ["donor", "donor"]
    assert recipe.views[2:] == plain.views[2:]
    assert recipe.negative.view.photometric == recipe.views[0].photometric
    chains = [dataclasses.replace(view.photometric, auto_augment_p=0) for view in plain.views]
    assert [dataclasses.replace(view.photometric, auto_augment_p=0) for view in recipe.views] == chains


def test_min_confidence_holds_in_every_view_and_the_negative() -> None:
    recipe = with_overrides(PRESETS["mocov2"]["bg-swaps-220"], {"min_confidence": "0.4"}).views
    assert recipe.negative is not None
    laws = [view.background for view in (*recipe.views, recipe.negative.view)]
    assert [law.min_confidence for law in laws] == [0.4] * 3
    assert recipe.min_confidence == 0.4
    before = PRESETS["mocov2"]["bg-swaps-220"].views
    assert before.min_confidence == 0
    assert dataclasses.replace(laws[0], min_confidence=0.0) == before.views[0].background
    with pytest.raises(UsageError, match="min_confidence is set, but nothing replaces the background"):
        _ = with_overrides(PRESETS["simsiam"]["smoke"], {"min_confidence": "0.4"}).views


def mocov2(**changes: str) -> Preset:
    return with_overrides(PRESETS["mocov2"]["bg-random-220"], changes)


def test_keys_come_on_their_own_backgrounds_only_where_the_queue_takes_them() -> None:
    assert [view.kept for view in mocov2(enqueue="own").views.views] == [False, True]
    assert [view.kept for view in mocov2(enqueue="own", symmetric="yes").views.views] == [True, True]
    assert not any(view.kept for view in mocov2().views.views)
    swav = mocov2(enqueue="own", recipe="swav-bg-random").views.views
    assert [view.kept for view in swav] == [view.size == 224 for view in swav]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"enqueue": "own", "views.1.background.p": "0"}, "no key's background is replaced"),
        ({"enqueue": "negatives"}, "has no matched negative"),
        ({"views.1.kept": "true"}, "makes kept, which nothing uses"),
        ({"enqueue": "all"}, "enqueue"),
    ],
)
def test_a_queue_that_could_not_take_what_is_asked_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mocov2(**changes)


def test_a_place_before_the_colors_holds_for_the_negative_too() -> None:
    recipe = with_overrides(PRESETS["mocov2"]["bg-swaps-220"], {"background_place": "before"}).views
    assert recipe.negative is not None
    assert {view.background.place for view in recipe.all_views} == {"before"}
