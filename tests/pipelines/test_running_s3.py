"""Whole runs to and from object stores: the same bytes as in a folder, and the same words when refused."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from object_stores import objects, upload

from maskgen.config.run_config import make_config
from maskgen.errors import UsageError
from maskgen.loaders import MaskReader
from maskgen.pipelines.running import Outcome, RunOptions, failures, run
from maskgen.shards.verify import verify

pytestmark = pytest.mark.slow

ADDRESS = "s3://photos/deep/shards"


def make(output: Path | str, steering: RunOptions | None = None, **options: object) -> Outcome:
    given = {"dataset": "folder", "output": str(output), "method": "box", "workers": 1, "shard_size": 4}
    return run(make_config({**given, **options}), steering)


def files(path: Path) -> dict[str, bytes]:
    found = {one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()}
    return {name: data for name, data in found.items() if name != "run.log.jsonl" and ".index" not in name}


def stored(client: Any) -> dict[str, bytes]:
    found = objects(client, prefix="deep/shards/")
    return {key.removeprefix("deep/shards/"): data for key, data in found.items() if "/logs/" not in key}


@pytest.fixture(scope="module")
def local(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shards in a folder."""
    folder = tmp_path_factory.mktemp("shards") / "local"
    make(folder, input=str(discs), background="none", max_failures="9")
    return folder


def test_a_run_to_a_store_gives_the_folders_bytes_and_resumes(amazon: Any, local: Path, discs: Path) -> None:
    given = {"input": str(discs), "background": "none", "max_failures": "9"}
    outcome = make(ADDRESS, **given)
    assert stored(amazon) == files(local)
    again = make(ADDRESS, **given)
    assert again.manifest == outcome.manifest
    assert again.progress.resumed == outcome.progress.done
    assert not verify(ADDRESS, "full").faults
    assert [row["path"] for row in failures(ADDRESS)] == [row["path"] for row in failures(local)]
    for (key, mask), (other, same) in zip(MaskReader(ADDRESS), MaskReader(local), strict=True):
        assert key == other
        assert (mask == same).all()
    with pytest.raises(UsageError, match=ADDRESS) as caught:
        make(ADDRESS, **given, threshold=0.75)
    assert "options.threshold: 0.5 -> 0.75" in str(caught.value)
    assert "secret-of-somebody" not in "".join(map(str, stored(amazon).values()))


def test_two_tasks_and_a_retry_end_in_the_same_data_set(amazon: Any, local: Path, discs: Path) -> None:
    from maskgen.pipelines.running import RunOptions

    config = make_config(
        {
            "dataset": "folder",
            "input": str(discs),
            "output": ADDRESS,
            "method": "box",
            "background": "none",
            "workers": 1,
            "shard_size": 4,
            "max_failures": "9",
        }
    )
    assert not run(config, RunOptions(task=(1, 2))).manifest.complete
    assert "manifest.json" not in stored(amazon)
    assert len([key for key in objects(amazon, prefix="deep/shards/") if "/logs/" in key]) == 1
    assert run(config, RunOptions(task=(0, 2))).manifest.complete
    assert stored(amazon) == files(local)
    assert run(config, RunOptions(retry_failed=True)).manifest.complete
    assert stored(amazon) == files(local)


def test_photos_in_a_store_give_the_bytes_of_photos_in_a_folder(
    amazon: Any, local: Path, discs: Path
) -> None:
    upload(amazon, discs, "photos")
    given = {"input": "s3://photos/photos", "background": "none", "max_failures": "9"}
    make(ADDRESS, **given)
    assert stored(amazon) == files(local)
    time.sleep(1)  # a store's times are whole seconds
    changed = (discs / "a1.jpg").read_bytes()[:-1] + b"!"
    amazon.put_object(Bucket="photos", Key="photos/a1.jpg", Body=changed)
    again = make(ADDRESS, **given)
    assert again.progress.rate == 0
    assert any("1 photo has changed since the shards were made" in note for note in again.notes)
    amazon.delete_object(Bucket="photos", Key="photos/a0.jpg")
    assert make(ADDRESS, **given).progress.rate == 0  # its plan is trusted
    with pytest.raises(UsageError, match="11 images -> 10 images"):
        make(ADDRESS, RunOptions(recheck=True), **given)


def test_the_folder_that_a_run_works_in_may_lie_below_its_photos(
    amazon: Any, local: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(discs, tmp_path / "photos")
    (tmp_path / "photos" / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "photos" / "tmp"))
    make(ADDRESS, input=str(tmp_path / "photos"), background="none", max_failures="9")
    assert stored(amazon) == files(local)
    with pytest.raises(UsageError, match="--output lies inside --input"):
        make("s3://photos/deep", input="s3://photos/")
    with pytest.raises(UsageError, match="--output lies inside --input"):
        make(tmp_path / "photos" / "shards", input=str(tmp_path / "photos"))


def test_no_such_bucket_is_told_before_any_work(amazon: Any, discs: Path) -> None:
    with pytest.raises(UsageError, match="no such bucket: s3://nowhere/shards"):
        make("s3://nowhere/shards", input=str(discs))
