"""A folder of photos becomes a mirrored folder of masks, once; nothing else is touched."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskgen.config.run_config import make_config
from maskgen.errors import UsageError
from maskgen.io.turns import take_turn
from maskgen.pipelines.masks.make import Outcome, check_targets, describe, find_jobs, make_pictures
from maskgen.pipelines.masks.picture import Picture
from maskgen.pipelines.masks.task import MaskTask
from maskgen.pipelines.resolve import resolve

FAILED = {"html.jpg", "torn.jpg"}


@pytest.fixture
def photos(discs: Path, tmp_path: Path) -> Path:
    shutil.copytree(discs, tmp_path / "photos" / "inner")
    Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(tmp_path / "photos" / "inner" / "a0.png")
    return tmp_path / "photos"


def make(photos: Path, output: Path, method: str = "box", workers: int = 1, **options: bool) -> Outcome:
    root, output, jobs = find_jobs(photos, output, lambda _: None)
    values = {"dataset": "folder", "output": "x", "method": method}
    task = MaskTask(resolve(make_config(values)), Picture(), root, output, options.get("overwrite", False))
    check_targets(task, jobs)
    return make_pictures(task, jobs, workers, lambda _: None)


def test_a_folder_of_shards_is_pointed_to_the_export(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Next: check the path"):
        find_jobs(tmp_path, tmp_path.parent / "out", lambda _: None)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="maskgen export SHARDS OUT --to png"):
        find_jobs(tmp_path, tmp_path.parent / "out", lambda _: None)


@pytest.mark.slow
def test_a_tree_is_mirrored_and_resumed(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "masks"
    first = make(photos, output)
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    stems = {"copy", "a0.jpg", "a0.png", *(f"a{number}" for number in range(1, 8))}
    assert names == {f"inner/{stem}.png" for stem in stems}
    assert (first.total, first.made, first.kept) == (12, 10, 0)
    assert {Path(path).name for path, _ in first.failed} == FAILED
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in output.rglob("*.png")}
    (output / "inner/a3.png").unlink()
    second = make(photos, output, workers=2)
    assert (second.made, second.kept, len(second.failed)) == (1, 9, 2)
    assert {path: path.read_bytes() for path in before} == {path: data for path, (_, data) in before.items()}
    kept = [path for path, (time, _) in before.items() if path.stat().st_mtime_ns == time]
    assert len(kept) == 9


@pytest.mark.slow
def test_other_settings_are_refused_field_by_field_and_replace_only_when_asked(
    photos: Path, tmp_path: Path
) -> None:
    make(photos, tmp_path / "masks")
    with pytest.raises(UsageError, match=r"options\.method: 'box' -> 'mr'") as caught:
        make(photos, tmp_path / "masks", "mr")
    assert "--overwrite" in caught.value.remedy
    assert make(photos, tmp_path / "masks", "mr", overwrite=True).made == 10


def test_what_another_command_is_making_is_waited_for_and_not_made_twice(discs: Path, tmp_path: Path) -> None:
    made, target, found = tmp_path / "made.png", tmp_path / "a0.png", []
    make(discs / "a0.jpg", made)
    with take_turn(target):
        running = threading.Thread(target=lambda: found.append(make(discs / "a0.jpg", target)))
        running.start()
        running.join(0.5)
        assert running.is_alive()
        shutil.copy(made, target)  # the other command ends with it
    running.join(60)
    assert [(one.total, one.made, one.kept, one.failed) for one in found] == [(1, 0, 1, [])]
    assert {path.name for path in tmp_path.iterdir()} == {"made.png", "a0.png"}


def test_files_of_others_are_never_replaced_and_empty_ones_are_in_nobodys_way(
    discs: Path, tmp_path: Path
) -> None:
    target = tmp_path / "a0.png"
    target.write_bytes(b"of somebody else")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="not made by maskgen mask"):
            make(discs / "a0.jpg", target, overwrite=overwrite)
    assert target.read_bytes() == b"of somebody else"
    target.write_bytes(b"")
    assert make(discs / "a0.jpg", target).made == 1
    (tmp_path / "folder" / "a0.png").mkdir(parents=True)
    with pytest.raises(UsageError, match="not made by maskgen mask"):
        make(discs / "a0.jpg", tmp_path / "folder")


def test_one_photo_is_written_to_a_file_or_into_a_folder(discs: Path, tmp_path: Path) -> None:
    make(discs / "a0.jpg", tmp_path / "new" / "mask.png")
    make(discs / "a0.jpg", tmp_path)
    make(discs / "a0.jpg", Path(f"{tmp_path}/new"))
    made = [tmp_path / name for name in ("new/mask.png", "a0.png", "new/a0.png")]
    assert len({path.read_bytes() for path in made}) == 1


def test_places_that_would_do_harm_are_refused(discs: Path, tmp_path: Path) -> None:
    shutil.copytree(discs, tmp_path / "photos")
    shutil.copy(tmp_path / "photos/a0.jpg", tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    for source, output, words in (
        ("photos", "photos", "among the photos"),
        ("photos", "photos/masks", "among the photos"),
        ("photos", "a.png", "is a file"),
        ("photos/a0.jpg", "mask.jpg", "PNG files"),
        ("a.png", "a.png", "replace its photo"),
        ("a.png", ".", "replace its photo"),
        ("nothing", "masks", "no such photo"),
        ("empty", "masks", "holds no photo"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            find_jobs(tmp_path / source, tmp_path / output, lambda _: None)
        assert caught.value.remedy


def test_what_is_no_photo_is_noted(discs: Path, tmp_path: Path) -> None:
    shutil.copytree(discs, tmp_path / "photos")
    (tmp_path / "photos/notes.txt").write_text("words")
    notes: list[str] = []
    find_jobs(tmp_path / "photos", tmp_path / "masks", notes.append)
    assert notes == ["1 file without an image extension was left out (first: notes.txt)"]


def test_the_outcome_in_words() -> None:
    assert describe(Outcome(1, made=1), Path("a.png")) == "a.png: 1 of 1 photo done now"
