from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from object_stores import objects, upload

from maskgen.cli.loader_options import open_for_export
from maskgen.errors import Interrupted, UsageError
from maskgen.export import Settings, export_masks
from maskgen.export.settings import FORMATS
from maskgen.io.atomic import folder_lock
from maskgen.io.storage.location import open_location
from maskgen.loaders import Dataset, open_dataset
from maskgen.processes.signals import StopSignals

Export = Callable[..., tuple[Path, dict[str, Any]]]


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_that_was_stopped_goes_on_and_gives_the_same_files(
    to: str, export: Export, dataset: Dataset, tmp_path: Path
) -> None:
    settings = Settings(to=to, part_size=2)
    seen: list[int] = []

    def stop(done: int, total: int) -> None:
        seen.append(done)
        if len(seen) == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with StopSignals(), pytest.raises(Interrupted):
        export_masks(dataset, tmp_path / "out", settings, report=stop, threads=2)
    assert not (tmp_path / "out" / "export.json").exists()
    report = export_masks(dataset, tmp_path / "out", settings, report=lambda done, _: seen.append(done))
    assert seen[4:] == [3, 4, 5]  # the first part stayed
    whole, same = export(to, "whole", part_size=2)
    assert report == same
    assert tree(tmp_path / "out") == tree(whole)


def test_what_is_done_is_not_done_again(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    output, report = export("png")
    times = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert export("png")[1] == report
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == times


def test_one_of_two_exports_at_once_waits_for_the_other_and_says_so(
    export: Export, dataset: Dataset, tmp_path: Path
) -> None:
    whole, report = export("png", "whole")
    (tmp_path / "out").mkdir()
    notes: SimpleQueue[str] = SimpleQueue()
    with ThreadPoolExecutor(1) as other:
        with folder_lock(tmp_path / "out"):
            waiting = other.submit(
                export_masks, dataset, tmp_path / "out", Settings(to="png"), note=notes.put
            )
            assert notes.get(timeout=60) == f"another export is writing to {tmp_path / 'out'}: waiting for it"
            assert not waiting.done()
        assert waiting.result() == report
    assert tree(tmp_path / "out") == tree(whole)


def test_a_folder_of_something_else_is_refused(export: Export, dataset: Dataset, tmp_path: Path) -> None:
    export("png")
    with pytest.raises(UsageError, match=r"settings\.binary: False -> True"):
        export("png", binary=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"")
    for folder in (tmp_path / "mine", dataset.path / "inside"):
        with pytest.raises(UsageError, match="choose"):
            export_masks(dataset, folder, Settings(to="png"))
    assert not (dataset.path / "inside").exists()
    with pytest.raises(UsageError, match="leave --side out"):
        export_masks(dataset, tmp_path / "small", Settings(to="png", side=64))
    assert not (tmp_path / "small").exists()


def test_damaged_samples_are_counted_and_made_when_they_are_whole_again(copy: Path, tmp_path: Path) -> None:
    tar = min(copy.glob("*.tar"))
    whole = tar.read_bytes()
    data = bytearray(whole)
    data[data.index(b".mask.png") + 600] ^= 1
    tar.write_bytes(data)
    settings, output = Settings(to="png", part_size=2), tmp_path / "out"
    broken = export_masks(open_dataset(copy), output, settings)
    assert broken["samples"] == 4
    ((key, text),) = broken["damaged"].items()
    assert key == "cats_a"
    assert "cats_a.mask.png" in text
    assert "cats_a," not in (output / "samples.csv").read_text()
    tar.write_bytes(whole)
    mended = export_masks(open_dataset(copy), output, settings)
    assert (mended["samples"], mended["damaged"]) == (5, {})
    shutil.rmtree(copy)
    assert (output / "cats/a.png").is_file()


@pytest.mark.slow
def test_from_and_to_an_object_store(amazon: Any, export: Export, made: Path) -> None:
    upload(amazon, made / "shards", "shards")
    dataset = open_for_export(open_location("s3://photos/shards"), None)
    for to in FORMATS:
        here, report = export(to, to, part_size=2)
        place = open_location(f"s3://photos/out/{to}")
        for _ in range(2):
            assert export_masks(dataset, place, Settings(to=to, part_size=2)) == report
        found = objects(amazon, prefix=f"out/{to}/")
        assert {key.removeprefix(f"out/{to}/"): data for key, data in found.items()} == tree(here)
    with pytest.raises(UsageError, match="other settings"):
        export_masks(dataset, open_location("s3://photos/out/png"), Settings(to="coco"))
    with pytest.raises(UsageError, match="not empty"):
        export_masks(dataset, open_location("s3://photos/out"), Settings(to="coco"))
