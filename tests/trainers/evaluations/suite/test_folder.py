"""A cell's folder says what it was made with."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.io.atomic import file_sha256
from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.folder import CellFolder, weights_mark


def test_other_settings_are_told_and_cleared(cells: list[Cell], tmp_path: Path) -> None:
    one = CellFolder(cells[0], tmp_path / "out")
    assert (one.changes(), one.is_done()) == ([], False)
    one.note("done", seconds=1.0)
    assert (one.changes(), one.is_done(), one.results()) == ([], True, {})
    other = CellFolder(replace(cells[0], options={"side": 64}), tmp_path / "out")
    assert other.changes() == ["options.lrs: [0.1, 1] -> None", "options.side: 32 -> 64"]
    other.clear()
    assert not one.path.exists()


def test_a_folder_of_something_else_is_left_alone(cells: list[Cell], tmp_path: Path) -> None:
    one = CellFolder(cells[0], tmp_path)
    one.path.mkdir(parents=True)
    (one.path / "thesis.tex").touch()
    with pytest.raises(UsageError, match="holds no cell of a suite"):
        one.changes()
    one.clear()
    assert (one.path / "thesis.tex").exists()
    (one.path / "cell.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        one.record()


def test_weights_are_known_by_their_content(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    assert weights_mark("run", tmp_path) == ""
    (run / "backbone.safetensors").write_bytes(b"one")
    assert weights_mark("run", tmp_path) == sha256(b"one").hexdigest()
    for step in (10, 9):
        (run / "checkpoints" / f"step-{step:09d}.pt").write_bytes(str(step).encode())
    assert weights_mark("run", tmp_path) == sha256(b"10").hexdigest()
    assert weights_mark("timm:vit=run/backbone.safetensors", tmp_path) == sha256(b"one").hexdigest()
    assert weights_mark("supervised", tmp_path) == ""


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[Path]()

    def look(path: Path) -> str:
        read.append(path)
        return file_sha256(path)

    monkeypatch.setattr("maskgen.trainers.evaluations.suite.folder.file_sha256", look)
    file = tmp_path / "backbone.safetensors"
    for content, count in ((b"one", 1), (b"other", 2)):
        file.write_bytes(content)
        marks = {weights_mark(source, tmp_path) for source in ("backbone.safetensors", ".", str(file))}
        assert marks == {sha256(content).hexdigest()}
        assert len(read) <= 2 * count
