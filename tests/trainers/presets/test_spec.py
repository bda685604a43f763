"""Fingerprints, the rendering, and that a method reads just the settings that name it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from maskgen.trainers.methods import METHODS, Progress
from maskgen.trainers.presets import PRESETS, Preset, fingerprint, render, resolved, with_overrides
from maskgen.trainers.presets.spec import options
from maskgen.trainers.registry import METHOD_NAMES

ALL = [(method, name) for method, presets in PRESETS.items() for name in presets]


def test_the_fingerprint_follows_what_matters() -> None:
    base = PRESETS["mocov2"]["imagenet-200"]
    assert fingerprint(base) == fingerprint(dataclasses.replace(base, source="another"))
    assert fingerprint(base) == fingerprint(with_overrides(base, {"view_px": "224"}))
    assert fingerprint(base) == fingerprint(dataclasses.replace(base, prototypes=7))  # not MoCo's
    for name, text in {"lr": "0.031", "fg_min": "0.1", "queue": "4096", "corruption": "box"}.items():
        assert fingerprint(base) != fingerprint(with_overrides(base, {name: text})), name


def test_the_rendering_shows_all_that_is_read_and_whose_choice_it_was() -> None:
    preset = with_overrides(PRESETS["relicv2"]["imagenet-1000"], {"lr": "0.4"})
    lines = render(preset).splitlines()
    assert lines[0].startswith("# RELICv2")
    assert [line.split(" = ")[0] for line in lines[1:]] == [option.name for option in options("relicv2")]
    assert "lr = 0.4  # set by you" in lines
    assert "temperature = 0.2  # our choice" in lines
    assert "negatives = 10" in lines


def test_the_resolved_configuration_is_json() -> None:

    for method, name in ALL:
        plain = resolved(PRESETS[method][name])
        assert json.loads(json.dumps(plain)) == plain


class Reader:
    """A preset that remembers which of its fields were read."""

    def __init__(self, preset: Preset) -> None:
        self._preset, self.read = preset, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._preset, name)


SHARED = {option.name for option in options("supervised")}
BY_LOADER = {"negative_p", "cam_px", "overlap_min"}


@pytest.mark.slow
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
