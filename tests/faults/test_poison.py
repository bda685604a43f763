"""Images that crash, starve or hang a worker cost themselves and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import poison
import pytest
from photos import BROKEN, hashes, make_photos

from maskgen.config.run_config import RunConfig, make_config
from maskgen.errors import EnvironmentFault, MaskgenError
from maskgen.loaders.reading.masks import MaskReader
from maskgen.pipelines.running import RunOptions, failures, run
from maskgen.shards.verify import verify

pytestmark = pytest.mark.faults


def config(tmp_path: Path, **options: object) -> RunConfig:
    source = make_photos(tmp_path / "photos")
    given = {"dataset": "folder", "input": str(source), "output": str(tmp_path / "shards"), "method": "box"}
    return make_config(
        {**given, "shard_size": 9, "max_failures": "100%", "image_timeout": 2.0, "workers": 2, **options}
    )


@pytest.mark.slow
def test_exactly_the_poisoned_images_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("POISON_LOG", str(log))
    outcome = run(config(tmp_path), RunOptions(make_stages=poison.make_poisoned))
    failed = {row["key"]: row["error"] for row in failures(tmp_path / "shards")}
    assert failed.keys() == {*poison.POISON, *BROKEN}
    assert outcome.manifest.samples == 24 - len(poison.POISON)
    assert "signal 11" in failed["a03"]
    assert "signal 9" in failed["a04"]
    assert failed["a09"].startswith("hang")
    assert failed["a13"].startswith("method-error: MemoryError") or "Memory" in failed["a13"]
    assert failed["a14"] == "method-error: ValueError: this image is cursed"
    assert failed["a16"].startswith("hang")
    assert failed["a20"] == "crash: the worker exited with status 7"
    assert verify(tmp_path / "shards", "full").faults == ()
    assert len(MaskReader(tmp_path / "shards")) == outcome.manifest.samples
    # Each killing image costs at most the shard's images once more, and a trial or two of its neighbours.
    runs = Counter(log.read_text().split())
    killers_per_shard = 3
    assert max(runs.values()) <= 2 * killers_per_shard + 2


@pytest.mark.slow
def test_poison_gives_the_same_bytes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LOG", str(tmp_path / "log"))
    run(config(tmp_path), RunOptions(make_stages=poison.make_poisoned))
    one = config(tmp_path, output=str(tmp_path / "again"), workers=1)
    run(one, RunOptions(make_stages=poison.make_poisoned))
    assert hashes(tmp_path / "again") == hashes(tmp_path / "shards")


@pytest.mark.slow
def test_retry_failed_heals_what_was_transient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LOG", str(tmp_path / "log"))
    run(config(tmp_path), RunOptions(make_stages=poison.make_poisoned))
    outcome = run(config(tmp_path), RunOptions(retry_failed=True))
    assert {row["key"] for row in failures(tmp_path / "shards")} == set(BROKEN)
    run(config(tmp_path, output=str(tmp_path / "clean")))
    assert hashes(tmp_path / "clean") == hashes(tmp_path / "shards")
    assert outcome.manifest.samples == 24


@pytest.mark.slow
def test_workers_that_die_at_once_end_the_run_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"keep dying .*status 9"):
        run(config(tmp_path), RunOptions(make_stages=poison.make_dying))


@pytest.mark.slow
def test_a_method_that_fails_on_everything_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(MaskgenError, match="20 images in a row") as caught:
        run(config(tmp_path, shard_size=30, workers=1), RunOptions(make_stages=poison.make_failing))
    assert "no kernel image" in str(caught.value)
