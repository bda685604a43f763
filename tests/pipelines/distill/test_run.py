"""A whole training of seconds: every step, resumed, refused, damaged, exported; the same result whatever
happened.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from kills import do, hashes, killed, request

from maskgen.errors import Interrupted, UsageError
from maskgen.pipelines.distill.data import photos
from maskgen.pipelines.distill.progress import Progress
from maskgen.pipelines.distill.run import STEPS, RunHooks, begin
from maskgen.pipelines.distill.settings.settings import read_settings
from maskgen.pipelines.distill.status import status, steps_done
from maskgen.pipelines.distill.training.phase import Hardware
from maskgen.pipelines.distill.work_folder import WorkFolder, open_work_folder

pytestmark = pytest.mark.slow


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
    with killed(WorkFolder, "commit", call, after=after):
        do(copy)
    do(copy)
    assert hashes(copy) == hashes(finished)


def test_another_seed_or_batch_gives_another_network(finished: Path, discs: Path, tmp_path: Path) -> None:
    begin(request(tmp_path / "work", discs, seed=1))
    do(tmp_path / "work")
    mine, other = hashes(tmp_path / "work"), hashes(finished)
    assert mine["deepusps.safetensors"] != other["deepusps.safetensors"]


def test_steps_are_refused_out_of_order(discs: Path, tmp_path: Path) -> None:
    begin(request(tmp_path / "work", discs))
    for step, before in (("priors", "photos"), ("train", "photos"), ("export", "photos")):
        with pytest.raises(UsageError, match=f"{step} needs the step {before}"):
            do(tmp_path / "work", (step,))


def test_two_at_once_are_refused(copy: Path) -> None:
    with open_work_folder(copy).alone(), pytest.raises(UsageError, match="another training works"):
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
    with pytest.raises(UsageError, match="rbd marks nothing in any photo"):
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
    size = (source / changed).stat().st_size
    other = cv2.imencode(
        ".jpg", cv2.imread(str(source / changed))[::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, 50]
    )
    data = other[1].tobytes()
    comment = b"\xff\xfe" + (size - len(data) - 2).to_bytes(2, "big")
    (source / changed).write_bytes((data[:2] + comment).ljust(size - len(data) + 2, b" ") + data[2:])
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
    work = open_work_folder(copy)
    phases = {one["name"]: one["epochs"] for one in status(work, read_settings(work))["phases"]}
    assert phases["rbd-round-1"] == "2/2"
    assert phases["rbd-round-2"] == "1/2"
    do(copy)
    assert hashes(copy) == hashes(finished)
