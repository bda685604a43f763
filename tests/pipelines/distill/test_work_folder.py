"""The folder of a training: records that count, leftovers that do not, and one process at a time."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zarr")

from maskgen.errors import ShardFault, UsageError
from maskgen.pipelines.distill.work_folder import WorkFolder, open_work_folder


def test_a_record_is_what_was_committed_and_says_whether_its_step_is_done(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    work.begin()
    assert work.record("photos") is None
    assert not work.is_done("photos")
    work.commit("photos", {"done": False, "rows": 3})
    assert not work.is_done("photos")
    work.commit("photos", {"done": True, "rows": 4})
    assert WorkFolder(tmp_path).record("photos") == {"done": True, "rows": 4}
    assert work.is_done("photos")


def test_an_edited_record_is_damaged_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    work.begin()
    work.commit("photos", {"done": True, "rows": 4})
    path = tmp_path / "records" / "photos.json"
    path.write_text(path.read_text().replace("4", "5"))
    with pytest.raises(ShardFault, match="record of the training is damaged") as caught:
        work.record("photos")
    assert caught.value.where == str(path)
    path.unlink()
    assert work.record("photos") is None


def test_beginning_drops_what_killed_writers_left_and_keeps_the_rest(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    work.begin()
    work.commit("photos", {"done": True})
    networks = tmp_path / "networks"
    (networks / "unfinished.safetensors").write_bytes(b"1")
    (networks / "fusion.safetensors").write_bytes(b"2")
    work.begin()
    assert [path.name for path in networks.iterdir()] == ["fusion.safetensors"]
    assert work.is_done("photos")


def test_the_log_is_a_json_object_a_line_with_the_time(tmp_path: Path) -> None:
    WorkFolder(tmp_path).log({"epoch": 1})
    WorkFolder(tmp_path).log({"epoch": 2})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert all(line["time"].endswith("Z") for line in lines)


def _try(root: Path, answers: Any) -> None:
    try:
        with WorkFolder(root).alone():
            answers.put("free")
    except UsageError as error:
        answers.put(error.what)


def test_another_process_is_kept_out_as_long_as_one_works(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def answer() -> str:
        process = context.Process(target=_try, args=(tmp_path, answers))
        process.start()
        process.join()
        return str(answers.get())

    with WorkFolder(tmp_path).alone():
        assert answer() == "another training works in this folder"
    assert answer() == "free"


def test_a_folder_without_a_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no training is in this folder"):
        open_work_folder(tmp_path)
    (tmp_path / "settings.json").write_text("{}")
    assert open_work_folder(tmp_path).root == tmp_path
