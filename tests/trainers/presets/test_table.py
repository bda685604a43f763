"""The table of all presets: each is whole, and names are helped with."""

from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import PRESETS, find_preset, fingerprint
from maskgen.trainers.presets.spec import options
from maskgen.trainers.registry import METHOD_NAMES

ALL = [(method, name) for method, presets in PRESETS.items() for name in presets]


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


def test_unknown_presets_and_methods_are_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'bg-swaps-220'"):
        find_preset("mocov2", "bg-swap-220")
    with pytest.raises(UsageError, match="did you mean 'simclr'"):
        find_preset("simcrl", "smoke")


def test_presets_that_differ_in_name_alone_are_known() -> None:
    seen: dict[str, list[str]] = {}
    for method, name in ALL:
        seen.setdefault(fingerprint(PRESETS[method][name]), []).append(f"{method}/{name}")
    alike = {tuple(names) for names in seen.values() if len(names) > 1}
    # STL-10 and Tiny ImageNet are trained alike (MSR, 4.1).
    assert alike == {("msr/tiny-200", "msr/stl-200"), ("msr/tiny-800", "msr/stl-800")}
