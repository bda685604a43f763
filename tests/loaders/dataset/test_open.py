"""Every way a folder can differ from its manifest is refused, and nothing else is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from maskgen.errors import MaskgenError, ShardFault, UsageError
from maskgen.loaders import open_dataset


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def test_sound_folder_opens_with_the_counts_of_the_manifest(drawn: Any) -> None:
    dataset = open_dataset(drawn.path, check_hashes=True)
    keys = [key.decode() for shard in dataset.shards for key in shard.keys.tolist()]
    assert keys == [drawing.key for drawing in drawn.drawings]
    assert (dataset.samples, len(dataset.shards), dataset.manifest.failed) == (21, 4, 1)
    assert [shard.first for shard in dataset.shards] == [0, 6, 11, 17]
    assert (dataset.threshold, dataset.level) == (0.5, 128)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        {"labelled": False},
        {"options": {"background": "none"}},
        {"options": {"binary": True, "mask_side": 64}},
        {"options": {"layout": "sidecar"}},
        {"samples": 7, "shard_size": 3, "failed": (3, 4, 5)},
        {"samples": 2, "failed": (0, 1)},
    ],
)
def test_every_kind_of_data_set_opens(builder: Any, recipe: dict[str, Any]) -> None:
    built = builder(**recipe)
    dataset = open_dataset(built.path, check_hashes=True)
    assert dataset.samples == len(built.drawings) == sum(len(shard.keys) for shard in dataset.shards)


def test_published_copy_needs_no_records_and_no_plan(copy: Any) -> None:
    shutil.rmtree(copy.path / "records")
    (copy.path / "plan.json").unlink(missing_ok=True)
    assert open_dataset(copy.path).samples == 21


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_dropped_file(copy: Any, suffix: str) -> None:
    copy.shards(suffix)[1].unlink()
    with pytest.raises(ShardFault, match=r"missing.*000001"):
        open_dataset(copy.path)


def test_dropped_shard(copy: Any) -> None:
    for suffix in ("tar", "idx", "parquet"):
        copy.shards(suffix)[3].unlink()
    with pytest.raises(ShardFault, match=r"missing.*000003"):
        open_dataset(copy.path)


def test_no_manifest_and_no_folder(copy: Any, tmp_path: Path) -> None:
    (copy.path / "manifest.json").unlink()
    for path in (copy.path, tmp_path / "nowhere"):
        with pytest.raises(ShardFault, match=r"no manifest\.json|no such folder"):
            open_dataset(path)


def test_unended_run(builder: Any) -> None:
    built = builder(samples=10, shard_size=4, commit=2)
    with pytest.raises(UsageError, match="8 of 10 images") as caught:
        open_dataset(built.path)
    assert caught.value.remedy
    assert open_dataset(built.path, allow_incomplete=True).samples == 8


def test_unended_run_with_a_shard_that_is_not_in_the_manifest_yet(builder: Any) -> None:
    built = builder(samples=10, shard_size=4, commit=1)
    (built.path / "drawn-train-000001.tar").write_bytes(b"in the making")
    assert open_dataset(built.path, allow_incomplete=True).samples == 4
    cut(built.shards()[0], 512)
    with pytest.raises(ShardFault):
        open_dataset(built.path, allow_incomplete=True)


def test_every_refusal_says_where_and_what_next(copy: Any) -> None:
    cut(copy.shards()[0], 1024)
    with pytest.raises(MaskgenError) as caught:
        open_dataset(copy.path)
    assert copy.shards()[0].name in caught.value.where
    assert caught.value.remedy


@pytest.mark.slow
def test_pandas_is_not_imported(drawn: Any) -> None:
    """It takes longer than all the rest; pyarrow imports it where it is handed Python values."""
    pytest.importorskip("pandas")
    code = (
        "import sys; from pathlib import Path; from maskgen.loaders.dataset.open import open_dataset;"
        "from maskgen.loaders.dataset.originals import read_paths; import numpy as np;"
        "from maskgen.loaders.reading.source_paths import SourcePaths;"
        "data = open_dataset(sys.argv[1]); name = data.shards[0].name;"
        "paths = read_paths(Path(sys.argv[1]), name); paths.take(np.ones(len(paths.keys), bool));"
        "SourcePaths(Path(sys.argv[1]), [name]); SourcePaths(Path(sys.argv[1]), []);"
        "sys.exit('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(drawn.path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
