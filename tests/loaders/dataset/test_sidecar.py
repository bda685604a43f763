"""Shards without photos joined with the originals: which samples stay, and what is refused."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from photo_folders import (
    expected,
    in_tars,
    originals,
    photo,
    read_all,
    write_originals,
    write_sidecar,
)

from maskgen.errors import UsageError
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.samples import SampleReader


def test_unfit_originals_are_refused_or_dropped(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    photos[4] = replace(photos[4], data=photo(4, exif=6)[0], verbatim=False)
    photos[11] = replace(photos[11], verbatim=False)
    write_originals(tmp_path / "o", photos)
    shards = write_sidecar(tmp_path / "s", photos)
    with pytest.raises(UsageError, match=r"(?s)2 of 12 originals.*p004, p011") as caught:
        open_dataset(shards, photos=tmp_path / "o")
    assert "unfit_photos" in caught.value.remedy
    kept = [one for one in photos if one.verbatim]
    assert read_all(shards, tmp_path / "o", unfit_photos="drop", check_hashes=True) == expected(kept)
    dropped = open_dataset(shards, photos=tmp_path / "o", unfit_photos="drop")
    assert (dropped.samples, [shard.first for shard in dropped.shards]) == (10, [0, 4, 9])
    assert dropped.fingerprint != open_dataset(shards).fingerprint
    assert len(dropped.order(0, 0)) == 10


def test_a_shard_of_unfit_originals_only(tmp_path: Path) -> None:
    photos = originals(15, in_tars)
    photos[5:10] = [replace(one, verbatim=False) for one in photos[5:10]]
    write_originals(tmp_path / "o", photos)
    shards, kept = write_sidecar(tmp_path / "s", photos), photos[:5] + photos[10:]
    for shuffle in ("global", "shards:1"):
        options = {"unfit_photos": "drop", "shuffle": shuffle}
        assert read_all(shards, tmp_path / "o", **options) == expected(kept)
        order = open_dataset(shards, photos=tmp_path / "o", **options).order(0, 0)  # type: ignore[arg-type]
        assert sorted(order[np.arange(10)].tolist()) == list(range(10))


def test_sidecar_without_photos_still_gives_the_small_members(tmp_path: Path) -> None:
    dataset = open_dataset(write_sidecar(tmp_path / "s", originals(6, in_tars)))
    assert SampleReader(dataset).small(np.arange(6)).sat.shape == (6, 33, 33)
    with pytest.raises(UsageError, match="photos="):
        SampleReader(dataset, ("jpg",))


def test_photos_for_shards_that_hold_their_own(drawn: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hold their photos themselves"):
        open_dataset(drawn.path, photos=tmp_path)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["webdataset", "folder", "imagenet"])
def test_shards_that_maskgen_run_made_from_the_originals(tmp_path: Path, dataset: str) -> None:
    """The paths in real tables lead back to the photos, for the sources whose photos lie in place."""
    if dataset == "webdataset":
        photos = originals(8, lambda i: (f"train_p{i}", f"t{i // 3}.tar/train/p{i}.jpg"))
    elif dataset == "folder":
        photos = originals(8, lambda i: (f"c{i % 2}_p{i}", f"c{i % 2}/p{i}.jpeg"))
    else:
        wnid = "n{:08d}".format
        photos = originals(
            8,
            lambda i: (
                f"{wnid(i // 3)}_{i}",
                f"ILSVRC2012_img_train.tar/{wnid(i // 3)}.tar/{wnid(i // 3)}_{i}.JPEG",
            ),
        )
    write_originals(tmp_path / "o", photos, tarfile.PAX_FORMAT)
    command = [sys.executable, "-c", "from maskgen.cli.app import main; main()", "run", "--dataset", dataset]
    places = ["--input", str(tmp_path / "o"), "--output", str(tmp_path / "s")]
    options = ["--method", "box", "--layout", "sidecar", "--shard-size", "3", "--workers", "1"]
    done = subprocess.run([*command, *places, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read_all(tmp_path / "s", tmp_path / "o", check_hashes=True) == expected(photos)
