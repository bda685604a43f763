"""One phase, stopped and damaged: it ends with the same bytes, or says what cannot be learned from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from kills import do, hashes, killed

from maskgen.errors import MaskgenError, ShardFault
from maskgen.pipelines.distill.run import RunHooks
from maskgen.pipelines.distill.store import MapStore
from maskgen.pipelines.distill.training import phase
from maskgen.pipelines.distill.training.checkpoints import save_state
from maskgen.pipelines.distill.training.phase import Hardware
from maskgen.pipelines.distill.work_folder import WorkFolder

pytestmark = pytest.mark.slow


def test_stopped_in_the_middle_of_an_average_it_ends_with_the_same_bytes(finished: Path, copy: Path) -> None:
    for call in (2, 3):  # the average of the second epoch, then that of the first one that is done after it
        with killed(MapStore, "write", call, after=True):
            do(copy)
    do(copy)
    assert hashes(copy) == hashes(finished)


def test_a_damaged_checkpoint_costs_its_round_and_nothing_else(finished: Path, copy: Path) -> None:
    notes: list[str] = []
    hooks = RunHooks(workers=1, hardware=Hardware(threads=1, note=notes.append))
    with killed(WorkFolder, "commit", 5, after=True):  # the second round's second epoch
        do(copy)
    (path,) = (copy / "checkpoints").glob("0.pt")
    forge_another_networks(copy, path)
    with killed(WorkFolder, "commit", 2, after=True):  # the same epoch, made again
        do(copy, hooks=hooks)
    path.write_bytes(path.read_bytes()[:-1])
    do(copy, hooks=hooks)
    assert len(notes) == 2
    assert all("checkpoint is damaged" in note for note in notes)
    assert hashes(copy) == hashes(finished)


def forge_another_networks(output: Path, path: Path) -> None:
    """Replace a checkpoint by one that its record vouches for and that no phase can take."""
    work = WorkFolder(output)
    (name,) = (one.stem for one in (output / "records").glob("*-round-*.json") if not work.is_done(one.stem))
    work.commit(name, {**(work.record(name) or {}), "checkpoint": save_state(path, {"network": {}})})


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


def test_a_round_whose_labels_are_empty_ends_the_training(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phase, "as_labels", lambda average: np.zeros(average.shape, np.uint8))
    with pytest.raises(MaskgenError, match="rbd, round 1 of 2, has found nothing"):
        do(copy)
