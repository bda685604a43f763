"""What a DeepUSPS training is told, and the refusal to go on with anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from maskgen import release
from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.pipelines.distill.settings.presets import FAST
from maskgen.pipelines.distill.settings.settings import (
    Request,
    Settings,
    check_dataset,
    claim,
    find_versions,
    needed_bytes,
    read_settings,
    resolve_request,
)
from maskgen.pipelines.distill.work_folder import SETTINGS, open_work_folder

SOURCE = {"photos": 6, "sha256": "0" * 64}


class Usage(NamedTuple):
    """As `shutil.disk_usage` gives it, bytes."""

    total: int
    used: int
    free: int


def settings(tmp_path: Path, **given: object) -> Settings:
    return resolve_request(
        Request(output=tmp_path / "work", inputs=("photos",), preset="test", **given), SOURCE
    )  # type: ignore[arg-type]


def test_what_is_left_out_has_its_default_and_paths_are_absolute(tmp_path: Path) -> None:
    made = settings(tmp_path)
    assert (made.seed, made.dataset, made.split, made.init) == (0, "folder", "train", "random")
    assert made.inputs == (str(Path("photos").resolve()),)
    assert resolve_request(Request(output=tmp_path, inputs=("a",)), SOURCE).preset == FAST
    assert made.least_photos == 2  # the largest batch of the preset
    assert len(made.phases()) == 3


def test_weights_of_an_encoder_are_named_by_their_content(tmp_path: Path) -> None:
    import hashlib

    file = tmp_path / "encoder.pt"
    file.write_bytes(b"weights")
    made = settings(tmp_path, init=str(file))
    assert (made.init, made.init_sha256) == (str(file), hashlib.sha256(b"weights").hexdigest())
    with pytest.raises(UsageError, match="weights to begin with are not there"):
        settings(tmp_path, init=str(tmp_path / "absent.pt"))


def test_a_student_that_comes_with_maskgen_is_a_word(tmp_path: Path) -> None:
    import hashlib

    for word in ("fast", "free"):
        made = settings(tmp_path, init=word)
        data = (Path(release.__file__).parent / f"{word}.safetensors").read_bytes()
        assert made.init_sha256 == hashlib.sha256(data).hexdigest()
        assert Path(made.init).is_absolute()


def test_a_preset_for_trained_encoders_needs_one_or_random_by_name(tmp_path: Path) -> None:
    for given in ({}, {"init": "random"}):
        request = Request(output=tmp_path, inputs=("a",), preset="relicv2", **given)
        if given:
            assert resolve_request(request, SOURCE).init == "random"
        else:
            with pytest.raises(UsageError, match="--init FILE"):
                resolve_request(request, SOURCE)


def test_rounds_that_leave_no_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"round 2 would leave no labels(.|\n)*rounds\.2\.crf_every=0"):
        settings(tmp_path, changes=("rounds.2.crf_every=5",))


def test_settings_are_read_as_they_were_claimed_and_may_only_move(tmp_path: Path) -> None:
    made = settings(tmp_path, changes=("side=48",))
    made = replace(made, preset=replace(made.preset, summary=""))  # a word for --help, which is not kept
    work = claim(made, tmp_path / "work", 10)
    assert read_settings(work) == made
    moved = replace(made, inputs=("/elsewhere",))
    claim(moved, tmp_path / "work", 10)
    assert read_settings(open_work_folder(tmp_path / "work")) == moved
    with pytest.raises(UsageError, match=r"seed: 0 -> 3"):
        claim(replace(made, seed=3), tmp_path / "work", 10)
    assert read_settings(work) == moved


def test_differences_are_named_one_by_one(tmp_path: Path) -> None:
    old, new = settings(tmp_path), settings(tmp_path, changes=("rounds.2.lr=0.5", "side=48"))
    claim(old, tmp_path / "work", 10)
    with pytest.raises(UsageError) as refusal:
        claim(new, tmp_path / "work", 10)
    lines = [line.strip() for line in refusal.value.what.splitlines()]
    assert "preset.rounds.2.lr: 0.001 -> 0.5" in lines
    assert "preset.side: 32 -> 48" in lines


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    work = claim(settings(tmp_path), tmp_path / "work", 10)
    path = work.root / SETTINGS
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 1').replace(b'"seed":0', b'"seed":1'))
    with pytest.raises(ShardFault, match="settings are damaged"):
        read_settings(work)


def test_a_disk_that_is_too_small_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test preset keeps 6 photos of 32 x 32: 3 bytes of the photo, 6 maps, 2 averages of 4 bytes each."""
    made = settings(tmp_path)
    assert needed_bytes(made.preset, 6, 0) == 6 * 32 * 32 * (3 + 2 * 3 + 8)
    assert needed_bytes(made.preset, 6, 100) - needed_bytes(made.preset, 6, 0) == 100 * 44
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, needed_bytes(made.preset, 6, 10) - 1))
    with pytest.raises(EnvironmentFault, match="too small"):
        claim(made, tmp_path / "work", 10)
    assert not (tmp_path / "work").exists()


def test_kinds_of_sources_and_versions_are_known() -> None:
    assert check_dataset("coco") == "coco"
    with pytest.raises(UsageError, match="did you mean 'imagenet'"):
        check_dataset("imagnet")
    assert find_versions()["numpy"] == __import__("numpy").__version__


def test_a_students_sides_divide_by_its_stride(tmp_path: Path) -> None:
    def student(*changes: str) -> Settings:
        request = Request(
            output=tmp_path, inputs=("a",), teachers=("mr",), init="random", preset="student", changes=changes
        )
        return resolve_request(request, SOURCE)

    assert student("side=288").preset.side == 288
    with pytest.raises(UsageError, match="side must divide by 32, not 250") as caught:
        student("side=250")
    assert caught.value.remedy == "--set side=256"
    with pytest.raises(UsageError, match=r"fusion\.view must divide by 32"):
        student("fusion.view=200")
