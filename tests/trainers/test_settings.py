"""What a training run is told, and the folder that belongs to one configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.presets import PRESETS, fingerprint, with_overrides
from maskgen.trainers.settings import Settings, claim, config_of, read_config

BASE = Settings(data="shards", output=Path("run"))
SMOKE = PRESETS["byol"]["smoke"]


def config(settings: Settings = BASE, **changes: str) -> dict[str, Any]:
    return config_of(with_overrides(SMOKE, changes), settings, data="f" * 64, order="global")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("device", "gpu", "did you mean 'cuda'"),
        ("loader", "dalli", "did you mean 'dali'"),
        ("threads", 0, "threads must be at least 1"),
        ("accumulate", 1.5, "accumulate takes a whole number"),
        ("seed", -1, "seed must be from 0"),
        ("output", "run", "output takes a path"),
        ("deterministic", 1, "deterministic takes true or false"),
    ],
)
def test_wrong_settings_are_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(BASE, **{name: value})  # type: ignore[arg-type]


def test_auto_is_bf16_on_a_gpu_and_fp32_on_a_cpu() -> None:
    assert BASE.chosen_precision == "fp32"
    assert replace(BASE, device="cuda").chosen_precision == "bf16"
    assert replace(BASE, device="cuda", precision="tf32").chosen_precision == "tf32"


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 4},
        {"loader": "torch"},
        {"output": Path("elsewhere")},
        {"data": "moved"},
        {"log_every": 7},
        {"save_every": 2},
    ],
)
def test_where_and_how_fast_a_run_goes_is_not_in_its_configuration(changes: dict[str, Any]) -> None:
    assert config(replace(BASE, **changes)) == config()


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"precision": "bf16"}, {"accumulate": 2}, {"on_error": "skip"}]
)
def test_what_shapes_the_weights_is_in_it(changes: dict[str, Any]) -> None:
    assert config(replace(BASE, **changes)) != config()


def test_the_preset_is_in_it_as_its_fingerprint_sees_it() -> None:
    changed = with_overrides(SMOKE, {"lr": "0.123"})
    assert fingerprint(changed) != fingerprint(SMOKE)
    assert config(lr="0.123") != config()
    assert json.loads(json.dumps(config())) == config()


def test_a_folder_is_claimed_once_and_then_resumed(tmp_path: Path) -> None:
    assert not claim(tmp_path / "run", config())
    assert claim(tmp_path / "run", config())
    assert read_config(tmp_path / "run") == config()
    with pytest.raises(UsageError, match=r"preset\.lr: 0\.05 -> 0\.1"):
        claim(tmp_path / "run", config(lr="0.1"))


def test_a_foreign_folder_and_an_edited_configuration_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no run"):
        claim(tmp_path, {"seed": 0})
    assert not claim(tmp_path / "new", {"seed": 0})
    assert claim(tmp_path / "new", {"seed": 0})
    file = tmp_path / "new" / "config.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(UsageError, match="changed by hand"):
        claim(tmp_path / "new", {"seed": 1})


def test_a_folder_without_a_configuration_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the run's configuration"):
        read_config(tmp_path)
