"""A folder belongs to one training: what is refused, what may move, and what is asked of the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

from kills import HOOKS, do, killed, request

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods.networks.deepusps.network import build_network
from maskgen.pipelines.distill import run as running
from maskgen.pipelines.distill.run import begin, run
from maskgen.pipelines.distill.settings import settings as setting
from maskgen.pipelines.distill.settings.settings import Request, read_settings
from maskgen.pipelines.distill.status import steps_done
from maskgen.pipelines.distill.work_folder import open_work_folder

pytestmark = pytest.mark.slow


def test_a_folder_goes_on_by_itself_and_refuses_other_options(
    mapped: Path, discs: Path, tmp_path: Path
) -> None:
    work, settings, _ = begin(Request(output=mapped))
    assert settings == read_settings(work)
    begin(request(mapped, discs))
    with pytest.raises(UsageError) as refusal:
        begin(request(mapped, discs, seed=3, changes=("rounds.2.lr=0.5", "side=48")))
    for line in ("preset.rounds.2.lr: 0.001 -> 0.5", "preset.side: 32 -> 48", "seed: 0 -> 3"):
        assert line in str(refusal.value)
    assert refusal.value.exit_code == 2
    assert "preset.fusion" not in str(refusal.value)


def test_inputs_may_move(mapped: Path, discs: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(discs, tmp_path / "elsewhere"))
    output = Path(shutil.copytree(mapped, tmp_path / "work"))
    begin(request(output, moved))
    assert read_settings(open_work_folder(output)).inputs == (str(moved),)


def test_a_folder_with_other_files_is_refused(discs: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        begin(request(tmp_path, discs))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_kill_before_the_settings_leaves_the_folder_free(discs: Path, tmp_path: Path) -> None:
    output = tmp_path / "work"
    with killed(setting, "_write", 1, after=False):
        begin(request(output, discs))
    (output / ".settings.json.host-1-00000000.partial").write_bytes(b"{")
    work, settings, _ = begin(request(output, discs))
    assert read_settings(work).fingerprint_fields() == settings.fingerprint_fields()
    run(work, settings, ("photos",), HOOKS)
    assert steps_done(work, settings)["photos"]


def test_a_small_disk_is_refused_before_anything_is_made(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(setting.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(EnvironmentFault, match=r"too small(.|\n)*1,000,000 are free"):
        begin(request(tmp_path / "deep" / "work", discs))
    assert not (tmp_path / "deep").exists()


def test_the_space_asked_for_is_enough_and_not_absurd(mapped: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(mapped, tmp_path / "work"))
    with killed(running, "drop_intermediates", 1, after=False):
        do(output)
    taken = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    preset = read_settings(open_work_folder(output)).preset
    values = sum(value.numel() for value in build_network(preset.network).state_dict().values())
    asked = setting.needed_bytes(preset, preset.images, values)
    assert taken <= asked <= 3 * taken
