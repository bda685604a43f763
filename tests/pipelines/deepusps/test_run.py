"""A whole training of seconds: every step, resumed, refused, damaged, exported; the same result whatever happened."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from kills import HOOKS, do, hashes, killed

from maskgen.errors import EnvironmentFault, Interrupted, MaskgenError, ShardFault, UsageError
from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.deepusps.network import build_network
from maskgen.pipelines.deepusps import run as running
from maskgen.pipelines.deepusps.data import photos
from maskgen.pipelines.deepusps.data.store import MapStore
from maskgen.pipelines.deepusps.progress import Progress
from maskgen.pipelines.deepusps.results.export import export
from maskgen.pipelines.deepusps.run import STEPS, RunHooks, begin, run, status, steps_done
from maskgen.pipelines.deepusps.settings import settings as setting
from maskgen.pipelines.deepusps.settings.settings import Request, read_settings
from maskgen.pipelines.deepusps.training import phase
from maskgen.pipelines.deepusps.training.phase import Hardware
from maskgen.pipelines.deepusps.work_folder import Work, open_work

pytestmark = pytest.mark.slow


def request(output: Path, source: Path, **given: Any) -> Request:
    return Request(output=output, inputs=(str(source),), **{"preset": "test", **given})


@pytest.fixture(scope="module")
def mapped(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training whose priors are done; read only."""
    output = tmp_path_factory.mktemp("mapped") / "work"
    begin(request(output, discs))
    do(output, ("photos", "priors"))
    return output


@pytest.fixture(scope="module")
def finished(mapped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, done to its end; read only."""
    output = tmp_path_factory.mktemp("finished") / "work"
    shutil.copytree(mapped, output)
    do(output)
    return output


@pytest.fixture
def copy(mapped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(mapped, tmp_path / "work"))


def test_the_checkpoint_is_a_method(finished: Path) -> None:
    method = make_method("deepusps", MethodOptions(weights=str(finished / "deepusps.safetensors")))
    mask = method(np.full((50, 70, 3), 90, np.uint8))
    assert (mask.shape, mask.dtype) == ((50, 70), np.float32)
    assert 0 <= mask.min() <= mask.max() <= 1


def test_the_side_file_says_how_it_was_made(finished: Path, discs: Path) -> None:
    facts = json.loads((finished / "deepusps.json").read_text())
    weights = (finished / "deepusps.safetensors").read_bytes()
    assert facts["weights"]["sha256"] == hashlib.sha256(weights).hexdigest()
    for photo in facts["photos"]:
        assert photo["sha256"] == hashlib.sha256((discs / photo["path"]).read_bytes()).hexdigest()
    lines = "".join(f"{photo['sha256']}\n" for photo in facts["photos"])
    assert facts["data"] == hashlib.sha256(lines.encode()).hexdigest()
    assert facts["preset"]["fusion"]["epochs"] == len(facts["epochs"]) == 2
    length = int.from_bytes(weights[:8], "little")
    metadata = json.loads(weights[8 : 8 + length])["__metadata__"]
    assert metadata == {
        "maskgen": "deepusps", "network": facts["preset"]["network"], "side": "32", "preset": "test", "data": facts["data"],
    }  # fmt: skip


def test_step_by_step_equals_all_at_once(finished: Path, copy: Path) -> None:
    for step in STEPS:
        do(copy, (step,))
    assert hashes(copy) == hashes(finished)


@pytest.mark.parametrize(
    ("call", "after"), [(1, False), (2, True), (3, False), (3, True), (5, True), (14, False), (15, True)]
)
def test_stopped_around_any_record_it_ends_with_the_same_bytes(
    call: int, after: bool, finished: Path, copy: Path
) -> None:
    with killed(Work, "commit", call, after=after):
        do(copy)
    do(copy)
    assert hashes(copy) == hashes(finished)


def test_stopped_in_the_middle_of_an_average_it_ends_with_the_same_bytes(finished: Path, copy: Path) -> None:
    for call in (2, 3):  # the average of the second epoch, then that of the first one that is done after it
        with killed(MapStore, "write", call, after=True):
            do(copy)
    do(copy)
    assert hashes(copy) == hashes(finished)


def test_a_damaged_checkpoint_costs_its_round_and_nothing_else(finished: Path, copy: Path) -> None:
    with killed(Work, "commit", 5, after=True):  # the second round's second epoch
        do(copy)
    (path,) = (copy / "checkpoints").glob("0.pt")
    path.write_bytes(path.read_bytes()[:-1])
    notes: list[str] = []
    do(copy, hooks=RunHooks(workers=1, hardware=Hardware(threads=1, note=notes.append)))
    assert len(notes) == 1
    assert "checkpoint is damaged" in notes[0]
    assert hashes(copy) == hashes(finished)


@pytest.mark.parametrize(
    ("path", "words"),
    [("photos/2.0.0.0", "photos"), ("priors/rbd/1.0.0", "priors"), ("labels/mc/2/3.0.0", "mc-round-2")],
)
def test_damage_in_the_store_is_found_and_mended_as_the_message_says(
    path: str, words: str, finished: Path, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(finished, tmp_path / "work"))
    for record in ("fusion", "rbd-round-1"):
        (output / "records" / f"{record}.json").unlink()
    chunk = output / "store.zarr" / path
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ShardFault, match=words):
        do(output)
    for record in {"photos": ("photos",), "priors": ("priors",)}.get(words, (words,)):
        (output / "records" / f"{record}.json").unlink()
    do(output)
    assert hashes(output) == hashes(finished)


def test_another_seed_or_batch_gives_another_network(finished: Path, discs: Path, tmp_path: Path) -> None:
    begin(request(tmp_path / "work", discs, seed=1))
    do(tmp_path / "work")
    mine, other = hashes(tmp_path / "work"), hashes(finished)
    assert mine["deepusps.safetensors"] != other["deepusps.safetensors"]


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
    assert read_settings(open_work(output)).inputs == (str(moved),)


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
    preset = read_settings(open_work(output)).preset
    values = sum(value.numel() for value in build_network(preset.network).state_dict().values())
    asked = setting.needed_bytes(preset, preset.images, values)
    assert taken <= asked <= 3 * taken


def test_steps_are_refused_out_of_order(discs: Path, tmp_path: Path) -> None:
    begin(request(tmp_path / "work", discs))
    for step, before in (("priors", "photos"), ("train", "photos"), ("export", "photos")):
        with pytest.raises(UsageError, match=f"{step} needs the step {before}"):
            do(tmp_path / "work", (step,))


def test_two_at_once_are_refused(copy: Path) -> None:
    with open_work(copy).alone(), pytest.raises(UsageError, match="another maskgen deepusps"):
        do(copy)


def plain_photos(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        plain = np.full((60, 80, 3), 40 + 20 * number, np.uint8)
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", plain)[1].tobytes())
    return folder


def test_a_prior_that_finds_nothing_is_named(tmp_path: Path) -> None:
    source = plain_photos(tmp_path / "photos", 4)
    begin(request(tmp_path / "work", source))
    with pytest.raises(UsageError, match="the prior rbd marks nothing in any photo"):
        do(tmp_path / "work")


def test_photos_that_vanish_cost_themselves_only(discs: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(discs, tmp_path / "photos"))
    output = tmp_path / "work"
    begin(request(output, source))
    work = do(output, ("photos",))
    record = work.record(photos.RECORD)
    assert record is not None
    gone, changed = record["photos"][1]["path"], record["photos"][4]["path"]
    (source / gone).unlink()
    data = (source / changed).read_bytes()
    (source / changed).write_bytes(data[:-40] + bytes(38) + data[-2:])
    do(output, ("priors", "train", "fuse"))
    found = status(work, read_settings(work))
    why = {one["path"]: one["why"].partition(":")[0] for one in found["failed"]}
    assert why == {gone: "unreadable", changed: "changed"}
    assert work.store.read("labels/rbd/1").shape == (4, 32, 32)
    assert found["complete"]


def test_without_rounds_the_fusion_learns_from_the_cut_priors(discs: Path, tmp_path: Path) -> None:
    begin(request(tmp_path / "work", discs, changes=("rounds=0", "crf_side=0")))
    work = do(tmp_path / "work")
    assert "labels/rbd/1" not in work.store
    assert all(steps_done(work, read_settings(work)).values())


def test_a_round_whose_labels_are_empty_ends_the_training(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phase, "as_labels", lambda average: np.zeros(average.shape, np.uint8))
    with pytest.raises(MaskgenError, match="rbd, round 1 of 2, has found nothing"):
        do(copy)


def test_progress_counts_every_unit_and_says_what_is_left(mapped: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(mapped, tmp_path / "work"))
    seen: list[Progress] = []
    do(output, hooks=RunHooks(workers=1, hardware=Hardware(threads=1), report=seen.append))
    train = [at for at in seen if at.step == "train"]
    assert [at.done for at in train if at.left_s is not None] == list(range(1, 9))
    assert {at.total for at in train} == {8}
    last = train[-1]
    assert (last.done, last.left_s) == (8, 0.0)
    assert "loss" in last.facts


def test_a_signal_between_epochs_leaves_what_is_done(copy: Path, finished: Path) -> None:
    def stop(at: Progress) -> None:
        if at.done == 3:
            raise Interrupted("stopped by a signal")

    with pytest.raises(Interrupted):
        do(copy, hooks=RunHooks(workers=1, hardware=Hardware(threads=1), report=stop))
    work = open_work(copy)
    phases = {one["name"]: one["epochs"] for one in status(work, read_settings(work))["phases"]}
    assert phases["rbd-round-1"] == "2/2"
    assert phases["rbd-round-2"] == "1/2"
    do(copy)
    assert hashes(copy) == hashes(finished)


def test_half_precision_is_half_the_size_and_the_same_masks(finished: Path, tmp_path: Path) -> None:
    work = open_work(finished)
    target = export(work, read_settings(work), tmp_path / "half.safetensors", half=True)
    full = finished / "deepusps.safetensors"
    assert 0.49 < target.stat().st_size / full.stat().st_size < 0.52
    facts = json.loads(target.with_suffix(".json").read_text())
    assert facts["weights"]["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    one, other = (
        make_method("deepusps", MethodOptions(weights=str(path), refine="none"))(photo)
        for path in (full, target)
    )
    np.testing.assert_allclose(one, other, atol=0.02)
    assert not np.array_equal(one, other)


def test_networks_of_rounds_are_kept_when_asked_for(copy: Path, tmp_path: Path) -> None:
    work = do(copy, hooks=RunHooks(workers=1, hardware=Hardware(threads=1, keep_networks=True)))
    target = export(work, read_settings(work), tmp_path / "rbd1.safetensors", "rbd-round-1")
    first = make_method("deepusps", MethodOptions(weights=str(target)))
    last = make_method("deepusps", MethodOptions(weights=str(copy / "deepusps.safetensors")))
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert not np.array_equal(first(photo), last(photo))
    with pytest.raises(UsageError, match="not in this folder"):
        export(work, read_settings(work), tmp_path / "x.safetensors", "dsr-round-1")
    with pytest.raises(UsageError, match="ends in"):
        export(work, read_settings(work), tmp_path / "x.pt")
