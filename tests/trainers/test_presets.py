"""Presets against the papers' figures, written down a second time; overrides; what a method reads."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders.recipes.published import RECIPES
from maskgen.trainers.methods import METHODS, Progress
from maskgen.trainers.presets import (
    PRESETS,
    Preset,
    find_preset,
    fingerprint,
    render,
    resolved,
    with_overrides,
)
from maskgen.trainers.presets.spec import options
from maskgen.trainers.registry import METHOD_NAMES

# method, preset: epochs, batch, optimiser, peak rate, warm-up, weight decay, momentum of the second network
FIGURES: dict[tuple[str, str], tuple[int, int, str, float, float, float, float | None]] = {
    ("mocov2", "imagenet-200"): (200, 256, "sgd", 0.03, 0, 1e-4, 0.999),
    ("mocov2", "bg-rm-220"): (220, 1024, "sgd", 0.12, 20, 1e-4, 0.999),
    ("mocov2", "bg-swaps-800"): (800, 1024, "sgd", 0.12, 20, 1e-4, 0.999),
    ("mocov2", "coco-200"): (200, 256, "sgd", 0.3, 0, 1e-4, 0.999),
    ("simclr", "imagenet-1000"): (1000, 4096, "lars", 4.8, 10, 1e-6, None),
    ("simsiam", "imagenet-100"): (100, 512, "sgd", 0.1, 0, 1e-4, None),
    ("byol", "bg-rm-300"): (300, 4096, "lars", 4.8, 10, 1e-6, 0.99),
    ("byol", "bg-random-1000"): (1000, 4096, "lars", 3.2, 10, 1.5e-6, 0.996),
    ("swav", "bg-rm-100"): (100, 4096, "larc", 4.8, 10, 1e-6, None),
    ("swav", "imagenet-256-400"): (400, 256, "larc", 0.6, 0, 1e-6, None),
    ("relicv2", "imagenet-1000"): (1000, 4096, "lars", 4.8, 10, 1.5e-6, 0.996),
    ("relicv2", "jft-3000"): (3000, 4096, "lars", 3.2, 10, 1.5e-6, 0.996),
    ("cast", "coco-200"): (200, 256, "sgd", 0.5, 0, 1e-4, 0.999),
    ("msr", "cifar-200"): (200, 256, "sgd", 0.1, 0, 5e-4, 0.99),
    ("msr", "imagenet100-200"): (200, 256, "sgd", 0.2, 0, 1e-4, 0.99),
    ("msr", "imagenet-100"): (100, 2048, "lars", 7.2, 10, 1e-6, 0.99),
    ("msr", "imagenet-200"): (200, 2048, "lars", 4.8, 10, 1e-6, 0.99),
    ("knn-moco", "coco-800"): (800, 256, "sgd", 0.3, 0, 1e-4, 0.995),
    ("supervised", "bg-rm-90"): (90, 4096, "sgd", 1.6, 5, 1e-4, None),
}
# method, preset: number of views, sides, large and small scale, replacement and its probability
VIEWS: dict[tuple[str, str], tuple[int, set[int], tuple[float, float], str, float]] = {
    ("mocov2", "imagenet-200"): (2, {224}, (0.2, 1), "none", 0),
    ("mocov2", "bg-random-220"): (2, {224}, (0.2, 1), "donor", 0.2),
    ("byol", "bg-rm-300"): (2, {224}, (0.2, 1), "grey", 0.15),
    ("byol", "bg-random-300"): (2, {224}, (0.2, 1), "donor", 0.05),
    ("swav", "bg-rm-100"): (8, {224, 96}, (0.14, 1), "grey", 0.15),
    ("swav", "bg-random-100"): (8, {224, 96}, (0.14, 1), "donor", 0.15),
    ("relicv2", "imagenet-1000"): (6, {224, 96}, (0.14, 1), "grey", 0.1),
    ("relicv2", "jft-1000"): (6, {224, 96}, (0.14, 1), "grey", 0.15),
    ("cast", "coco-200"): (2, {224}, (0.2, 1), "none", 0),
    ("msr", "cifar-200"): (2, {32}, (0.2, 1), "none", 0),
    ("msr", "tiny-200"): (2, {64}, (0.2, 1), "none", 0),
    ("knn-moco", "coco-200"): (6, {160, 96}, (0.2, 1), "none", 0),
    ("supervised", "bg-rm-90"): (1, {224}, (0.08, 1), "grey", 0.2),
}  # fmt: skip
ALL = [(method, name) for method, presets in PRESETS.items() for name in presets]


@pytest.mark.parametrize("place", FIGURES, ids="/".join)
def test_settings_are_the_papers(place: tuple[str, str]) -> None:
    preset = PRESETS[place[0]][place[1]]
    epochs, batch, optimizer, lr, warmup, decay, ema = FIGURES[place]
    assert (preset.epochs, preset.batch_size, preset.optimizer) == (epochs, batch, optimizer)
    assert preset.peak_lr == pytest.approx(lr)
    assert (preset.warmup_epochs, preset.weight_decay) == (warmup, decay)
    assert ema is None or preset.ema == ema


@pytest.mark.parametrize("place", VIEWS, ids="/".join)
def test_views_are_the_papers(place: tuple[str, str]) -> None:
    views = PRESETS[place[0]][place[1]].views.views
    count, sides, scale, kind, p = VIEWS[place]
    assert len(views) == count
    assert {view.size for view in views} == sides
    assert views[0].crop.scale == scale
    assert (views[0].background.replace, views[0].background.p) == (kind, p)
    small = [view for view in views if view.size < max(sides)]
    assert all(view.background.p == 0 for view in small)


def test_special_figures() -> None:
    swaps = PRESETS["mocov2"]["bg-swaps-220"].views
    assert swaps.negative is not None
    assert (swaps.negative.p, swaps.views[0].background.p, swaps.views[0].crop.fg_min) == (0.2, 0.2, 0.1)
    swav = PRESETS["swav"]["imagenet-256-200"]
    assert (swav.queue, swav.queue_start_epoch, swav.freeze_prototypes, swav.lr_final) == (
        3840,
        15,
        5005,
        6e-4,
    )
    cast = PRESETS["cast"]["coco-200"]
    assert (cast.temperature, cast.attention_weight, cast.clip_norm, cast.head) == (0.07, 3, 2, "linear")
    assert cast.views.views[0].cam_masks == 7
    knn = PRESETS["knn-moco"]["coco-200"]
    assert (knn.neighbours, knn.neighbour_weight, knn.neighbour_start_epoch) == (20, 0.4, 5)
    assert knn.views.views[2].crop.overlap_min == 0.2
    assert [PRESETS["msr"][name].msr_beta for name in ("cifar-200", "stl-200", "imagenet-100")] == [
        0.3,
        0.4,
        0.4,
    ]
    jft = [PRESETS["relicv2"][f"jft-{n}"] for n in (1000, 3000, 5000)]
    assert [(p.lr, p.invariance_weight, p.contrast_weight) for p in jft] == [
        (0.3, 2, 0.3),
        (0.2, 1, 0.3),
        (0.2, 2, 0.3),
    ]


@pytest.mark.parametrize(("method", "name"), ALL)
def test_every_preset_is_whole(method: str, name: str) -> None:
    preset = find_preset(method, name)
    assert preset.method == method
    assert preset.source
    assert set(preset.ours) <= {option.name for option in options(method)}
    assert name.rsplit("-", 1)[-1] in ("smoke", str(preset.epochs))
    assert set(preset.changed) == set()


def test_every_method_has_presets_and_a_smoke() -> None:
    assert set(PRESETS) == set(METHODS) == set(METHOD_NAMES)
    assert all("smoke" in presets and len(presets) > 1 for presets in PRESETS.values())


# --- overrides


def test_values_are_set_by_type() -> None:
    preset = with_overrides(
        PRESETS["mocov2"]["imagenet-200"],
        {
            "lr": "0.1",
            "queue": "4096",
            "nesterov": "true",
            "milestones": "120,160",
            "fg-min": "0.1",
            "backbone": "resnet18",
        },
    )
    assert (preset.lr, preset.queue, preset.nesterov, preset.milestones) == (0.1, 4096, True, (120, 160))
    assert preset.backbone == "resnet18"
    assert preset.views.views[0].crop.fg_min == 0.1
    assert preset.changed == ("backbone", "fg_min", "lr", "milestones", "nesterov", "queue")
    assert with_overrides(preset, {"fg_min": "none"}).fg_min is None


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("temprature", "0.1", "did you mean 'temperature'"),
        ("prototypes", "10", "mocov2 does not use it"),
        ("lr", "fast", "lr takes a number, got 'fast'"),
        ("lr", "nan", "lr must be from 0 to 1e.12, got nan"),
        ("queue", "0", "queue must be at least 1"),
        ("LR", "0.1", r"did you mean 'lr'\?$"),
        ("small_px", "24", "'mocov2' has no small views"),
        ("overlap_min", "0.1", "'mocov2' has no constrained views"),
        ("overlap_min", "0", "'mocov2' has no constrained views"),
        ("queue", "1.5", "queue takes a whole number"),
        ("nesterov", "perhaps", "nesterov takes true or false"),
        ("milestones", "a,b", "whole numbers such as 60,80"),
        ("ema", "1.1", "ema must be from 0 to 1"),
        ("lr", "1e13", "lr must be from 0 to 1e.12, got 1"),
        ("lr", "-1", "lr must be at least 0, got -1"),
        ("optimizer", "sdg", "did you mean 'sgd'"),
        ("recipe", "moco", "did you mean 'mocov2'"),
        ("background", "gray", "did you mean 'grey'"),
        ("background_p", "0.2", "nothing replaces the background"),
        ("background", "grey", "set background_p"),
        ("negative_p", "0.3", "mocov2-bg-swaps"),
        ("corruption", "rotation", "did you mean 'rotate'"),
        ("method", "byol", "unknown setting 'method'"),
    ],
)
def test_wrong_settings_are_named(setting: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_overrides(PRESETS["mocov2"]["imagenet-200"], {setting: text})


def test_unknown_presets_and_methods_are_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'bg-swaps-220'"):
        find_preset("mocov2", "bg-swap-220")
    with pytest.raises(UsageError, match="did you mean 'simclr'"):
        find_preset("simcrl", "smoke")


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


# --- fingerprints and rendering


def test_the_fingerprint_follows_what_matters() -> None:
    base = PRESETS["mocov2"]["imagenet-200"]
    assert fingerprint(base) == fingerprint(dataclasses.replace(base, source="another"))
    assert fingerprint(base) == fingerprint(with_overrides(base, {"view_px": "224"}))
    assert fingerprint(base) == fingerprint(dataclasses.replace(base, prototypes=7))  # not MoCo's
    for name, text in {"lr": "0.031", "fg_min": "0.1", "queue": "4096", "corruption": "box"}.items():
        assert fingerprint(base) != fingerprint(with_overrides(base, {name: text})), name


def test_presets_that_differ_in_name_alone_are_known() -> None:
    seen: dict[str, list[str]] = {}
    for method, name in ALL:
        seen.setdefault(fingerprint(PRESETS[method][name]), []).append(f"{method}/{name}")
    alike = {tuple(names) for names in seen.values() if len(names) > 1}
    # STL-10 and Tiny ImageNet are trained alike (MSR, 4.1).
    assert alike == {("msr/tiny-200", "msr/stl-200"), ("msr/tiny-800", "msr/stl-800")}


def test_the_rendering_shows_all_that_is_read_and_whose_choice_it_was() -> None:
    preset = with_overrides(PRESETS["relicv2"]["imagenet-1000"], {"lr": "0.4"})
    lines = render(preset).splitlines()
    assert lines[0].startswith("# RELICv2")
    assert [line.split(" = ")[0] for line in lines[1:]] == [option.name for option in options("relicv2")]
    assert "lr = 0.4  # set by you" in lines
    assert "temperature = 0.2  # our choice" in lines
    assert "negatives = 10" in lines


def test_the_resolved_configuration_is_json() -> None:
    import json

    for method, name in ALL:
        plain = resolved(PRESETS[method][name])
        assert json.loads(json.dumps(plain)) == plain


def test_presets_need_no_torch() -> None:
    code = "import sys, maskgen.trainers.presets; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )


# --- what a method reads


class Reader:
    """A preset that remembers which of its fields were read."""

    def __init__(self, preset: Preset) -> None:
        self._preset, self.read = preset, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._preset, name)


SHARED = {option.name for option in options("supervised")}
BY_LOADER = {"negative_p", "cam_px", "overlap_min"}


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_method_reads_just_the_settings_that_name_it(method: str, make_views: Any) -> None:
    read: set[str] = set()
    variants = {
        "msr": ({"framework": "byol"}, {"framework": "simsiam"}),
        "cast": ({"head": "mlp"},),
        "swav": ({"queue": "16"},),
    }
    for changes in variants.get(method, ({},)):
        preset = with_overrides(PRESETS[method]["smoke"], changes)
        reader = Reader(preset)
        net = METHODS[method](reader, classes=5)  # type: ignore[arg-type]
        progress = Progress(3, 10, 2.0)
        for _ in range(2):
            net.before_step(progress)
            net(make_views(preset), progress)
            net.after_step(progress)
        net.parameter_groups(preset)
        read |= reader.read
    own = {option.name for option in options(method)} - SHARED - BY_LOADER
    assert read & {option.name for option in dataclasses.fields(Preset)} - SHARED == own
