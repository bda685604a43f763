"""Joint rounds: one network for all priors, labels drawn anew for each; stopped anywhere they end with the
same bytes.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from kills import do, hashes, killed

from maskgen.errors import ShardFault
from maskgen.methods.priors.color_cut import color_cut
from maskgen.pipelines.distill.data.recut import recut
from maskgen.pipelines.distill.run import begin
from maskgen.pipelines.distill.settings.settings import Request
from maskgen.pipelines.distill.store import MapStore
from maskgen.pipelines.distill.work_folder import WorkFolder, open_work_folder

CHANGES = ("joint=yes", "crf_side=0", "rounds.crf_every=0", "rounds.paste=0.5", "rounds.crop=0.7")


@pytest.fixture(scope="module")
def mapped(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A joint training whose priors are done; read only."""
    output = tmp_path_factory.mktemp("mapped") / "work"
    begin(Request(output=output, inputs=(str(discs),), preset="test", changes=CHANGES))
    do(output, ("photos", "priors"))
    return output


@pytest.fixture(scope="module")
def finished(mapped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, done to its end; read only."""
    output = Path(shutil.copytree(mapped, tmp_path_factory.mktemp("finished") / "work"))
    do(output)
    return output


@pytest.mark.slow
def test_new_labels_are_the_cut_of_map_and_prediction() -> None:
    rng = np.random.default_rng(0)
    photos = rng.integers(90, 110, (3, 48, 48, 3)).astype(np.uint8)
    photos[:, 10:30, 12:34] = (200, 60, 40)
    maps = rng.integers(0, 60, (3, 2, 48, 48)).astype(np.uint8)
    maps[:, 0, 10:20, 12:34] = 230  # this prior sees the upper half only
    predictions = np.zeros((3, 48, 48), np.uint8)
    predictions[:, 12:30, 12:34] = 220
    labels = recut(photos, maps, predictions, workers=1)
    assert labels.shape == (2, 3, 48, 48)
    for prior, photo in ((0, 0), (1, 2)):
        mean = (maps[photo, prior] / 255 + predictions[photo] / 255) / 2
        expected = 0.9 * color_cut(photos[photo], mean) + 0.1 * mean
        np.testing.assert_allclose(labels[prior, photo], 255 * expected, atol=0.51)
    assert (labels[0, :, 11:29, 13:33] > 127).all()
    assert not (labels[0, :, :8] > 127).any()


@pytest.mark.slow
def test_each_prior_gets_labels_of_its_own(finished: Path) -> None:
    store = open_work_folder(finished).store
    mc, rbd = (store.read(f"labels/all/2/{name}") for name in ("mc", "rbd"))
    assert mc.shape == rbd.shape == (6, 32, 32)
    assert not np.array_equal(mc, rbd)
    assert not (finished / "store.zarr" / "labels" / "rbd").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "name", "call"),
    [
        (WorkFolder, "commit", 1),
        (WorkFolder, "commit", 3),
        (WorkFolder, "commit", 5),
        (MapStore, "write", 3),
        (MapStore, "write", 4),
    ],
)
def test_stopped_anywhere_it_ends_with_the_same_bytes(
    target: Any, name: str, call: int, mapped: Path, finished: Path, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(mapped, tmp_path / "work"))
    with killed(target, name, call, after=True):
        do(output)
    do(output)
    assert hashes(output) == hashes(finished)


@pytest.mark.slow
def test_a_damaged_label_is_found_and_its_round_mended(finished: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(finished, tmp_path / "work"))
    chunk = output / "store.zarr" / "labels" / "all" / "2" / "mc" / "3.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"\x7f")
    (output / "records" / "fusion.json").unlink()
    with pytest.raises(ShardFault, match="all-round-2"):
        do(output)
    (output / "records" / "all-round-2.json").unlink()
    do(output)
    assert hashes(output) == hashes(finished)
