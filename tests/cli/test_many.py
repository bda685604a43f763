"""What commands of many processes share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskgen.cli.many import parse_devices, refuse_ranks, settle_changed, tell_end, tell_work
from maskgen.errors import EXIT_DONE, EXIT_FAULTS, UsageError
from maskgen.trainers.evaluations.suite.folder import RecordedFolder


class Work(RecordedFolder):
    def __init__(self, name: str, path: Path, settings: dict[str, Any]) -> None:
        self._facts = name, path, settings

    @property
    def name(self) -> str:
        return self._facts[0]

    @property
    def path(self) -> Path:
        return self._facts[1]

    @property
    def settings(self) -> dict[str, Any]:
        return self._facts[2]


def make(folder: Path, count: int) -> list[Work]:
    made = [Work(f"w{n}", folder / f"w{n}", {"lr": n}) for n in range(count)]
    made[0].note("done")
    return made


def test_what_starts_processes_is_none_of_several_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    refuse_ranks("eval-ssl suite")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="eval-ssl suite is for one process") as caught:
        refuse_ranks("eval-ssl suite")
    assert "without torchrun" in str(caught.value)


def test_devices_are_named_as_the_commands_do() -> None:
    assert parse_devices(" cuda:0, cuda:1 ,") == ["cuda:0", "cuda:1"]
    assert parse_devices("") == ["cpu"]
    for text in ("gpu", "cpu:0", "cuda:x"):
        with pytest.raises(UsageError, match=f"--devices got '{text}'"):
            parse_devices(text)


def test_a_dry_run_says_what_each_is_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make(tmp_path, 2)
    tell_work([*made, Work("w0", made[0].path, {"lr": 5})], "tool", lambda one: ["do", f"{one.name} it"])
    assert capsys.readouterr().out.splitlines() == [
        "done     w0",
        "to do    w1",
        "         tool do 'w1 it'",
        "changed  w0",
        "         lr: 0 -> 5",
        "         tool do 'w0 it'",
    ]


def test_changed_settings_are_refused_or_done_again(tmp_path: Path) -> None:
    made = make(tmp_path, 8)
    for one in made:
        one.note("done")
    changed = [Work(one.name, one.path, {"lr": -1}) for one in made]
    settle_changed(made, again=False)
    with pytest.raises(UsageError) as error:
        settle_changed(changed, again=False)
    assert "8 of 8 cells" in str(error.value)
    assert "w4: lr: 4 -> -1\n    and 3 more" in str(error.value)
    settle_changed(changed, again=True)
    assert not any(one.path.exists() for one in made)


def test_what_has_failed_is_told_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_end("tool", {}, 3, [], tmp_path) == EXIT_DONE
    assert tell_end("tool", {}, 3, ["no figure"], tmp_path) == EXIT_FAULTS
    assert tell_end("tool", {"a": "it broke"}, 3, [], tmp_path) == EXIT_FAULTS
    told = capsys.readouterr().err
    assert "tool: a: it broke\ntool: 1 of 3 failed; run the same command again" in told
