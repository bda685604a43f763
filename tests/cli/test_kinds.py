"""Values of special kinds on a command line."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from maskgen.cli.kinds import Choice, Numbers, OutputFile, SetKind, Task
from maskgen.errors import EnvironmentFault, UsageError

ROOT = Path(__file__).parents[2]


def test_a_choice_is_one_of_its_words_as_it_is_written() -> None:
    kind = Choice(("cpu", "cuda"))
    assert kind.convert("cuda", None, None) == "cuda"
    for wrong in ("CUDA", "gpu"):
        with pytest.raises(click.BadParameter, match="did you mean 'cuda'"):
            kind.convert(wrong, None, None)
    with pytest.raises(click.BadParameter) as refusal:
        kind.convert("tpux9", None, None)
    assert refusal.value.message == "'tpux9' is not one of 'cpu', 'cuda'."


def test_numbers_stand_between_commas() -> None:
    assert Numbers(int).convert("5, 10,", None, None) == (5, 10)
    assert Numbers(float).convert("1e-1", None, None) == (0.1,)
    assert Numbers(float).convert("", None, None) == ()
    assert Numbers(int).convert((1, 2), None, None) == (1, 2)
    with pytest.raises(click.BadParameter, match="no list of whole numbers"):
        Numbers(int).convert("1.5", None, None)


def test_a_task_is_one_of_n() -> None:
    assert Task().convert("2/3", None, None) == (2, 3)
    for wrong in ("3/3", "-1/3", "1", "a/b", "1/2/3", "0/0"):
        with pytest.raises(click.BadParameter, match="is not i/N"):
            Task().convert(wrong, None, None)


def test_a_task_is_found_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "MASKGEN_TASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no array"):
        Task().convert("auto", None, None)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "2")
    monkeypatch.setenv("MASKGEN_TASKS", "3")
    assert Task().convert("auto", None, None) == (2, 3)


def test_the_readme_and_the_running_page_number_tasks_alike() -> None:
    """From 0, of four: the first machine of the one page must not be the second of the other."""
    for page in ("README.md", "docs/how-to/run.md"):
        named = re.findall(r"--task (\d+/\d+)", (ROOT / page).read_text())
        tasks = [Task().convert(one, None, None) for one in named]
        assert tasks, page
        assert tasks == [(number, 4) for number in range(len(tasks))], page


def test_an_output_file_has_a_known_ending_and_gets_its_folder(tmp_path: Path) -> None:
    kind = OutputFile(".png", ".jpg")
    path = tmp_path / "new" / "sheet.PNG"
    assert kind.convert(str(path), None, None) == path
    assert path.parent.is_dir()
    assert not path.exists()
    with pytest.raises(click.BadParameter, match=r"does not end in \.png or \.jpg"):
        kind.convert(str(tmp_path / "sheet.gif"), None, None)


def test_a_folder_that_cannot_be_written_is_an_environment_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # the superuser may write anywhere
    with pytest.raises(EnvironmentFault, match="cannot write into a folder"):
        OutputFile(".png").convert(str(tmp_path / "a.png"), None, None)


def test_a_set_of_images_is_a_folder_or_a_split_of_a_public_set(tmp_path: Path) -> None:
    for text in (str(tmp_path), f"folder:{tmp_path}", f"dtd:{tmp_path}@train2", f"pets:{tmp_path}"):
        assert SetKind().convert(text, None, None) == text
    for text in (f"{tmp_path}/absent", f"pets:{tmp_path}/absent@test"):
        with pytest.raises(click.BadParameter, match=r"Directory '.*absent' does not exist"):
            SetKind().convert(text, None, None)
    with pytest.raises(UsageError, match="did you mean 'pets'"):
        SetKind().convert(f"pest:{tmp_path}", None, None)
