"""Parts are made once, whatever ends the run, and again where their file is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.errors import Interrupted
from maskgen.processes.signals import StopSignals
from maskgen.trainers.evaluations.parts import Parts

NAMES = ("a", "b", "c")


class Maker:
    """Notes what it made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, name: str) -> dict[str, NDArray[Any]]:
        self.made.append(name)
        return {"letter": np.array(ord(name)), "rows": np.zeros((0, 2))}


def letters(parts: list[dict[str, NDArray[Any]]]) -> str:
    return "".join(chr(int(part["letter"])) for part in parts)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    make, said = Maker(), []
    assert letters(Parts(tmp_path, {"seed": 0}, said.append).compute(NAMES, make)) == "abc"
    again = Parts(tmp_path, {"seed": 0}).compute(NAMES, make)
    assert letters(again) == "abc"
    assert again[0]["rows"].shape == (0, 2)
    assert make.made == ["a", "b", "c"]
    assert said == ["1/3", "2/3", "3/3"]


def test_a_place_that_cannot_be_written_to_is_told_before_the_work(tmp_path: Path) -> None:
    make = Maker()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="Not a directory"):
        Parts(tmp_path / "file" / "parts", {"seed": 0}).compute(NAMES, make)
    assert not make.made


def test_a_part_that_all_ranks_make_is_made_once_for_each_question(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, NDArray[Any]]:
        made.append(1)
        return {"images": np.array(4), "top1": np.array(0)}

    for _ in range(2):
        found = Parts(tmp_path, {"side": 32}).compute_together("snow-1", make)
        assert {name: int(value) for name, value in found.items()} == {"images": 4, "top1": 0}
    assert len(made) == 1
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-30])
    Parts(tmp_path, {"side": 32}).compute_together("snow-1", make)
    Parts(tmp_path, {"side": 64}).compute_together("snow-1", make)
    assert len(made) == 3


def test_another_question_has_parts_of_its_own(tmp_path: Path) -> None:
    make = Maker()
    for seed in (0, 1):
        Parts(tmp_path, {"seed": seed}).compute(("a",), make)
    assert make.made == ["a", "a"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "pickle"])
def test_a_damaged_part_is_made_again(tmp_path: Path, damage: str) -> None:
    make, parts = Maker(), Parts(tmp_path, 0)
    parts.compute(("a",), make)
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[data.index(b"NUMPY") + 122] ^= 1  # in the first array's numbers
    if damage == "pickle":
        with file.open("wb") as target:
            np.savez(target, letter=np.array([{}], object))
    else:
        file.write_bytes({"cut": data[:-30], "flip": data, "empty": b""}[damage])
    assert letters(parts.compute(("a",), make)) == "a"
    assert make.made == ["a", "a"]


def test_a_signal_ends_it_after_a_whole_part_and_it_goes_on_there(tmp_path: Path) -> None:
    stop, make = StopSignals(), Maker()
    stop.count = 1
    with pytest.raises(Interrupted):
        Parts(tmp_path, 0, stop=stop).compute(NAMES, make)
    assert make.made == ["a"]
    assert letters(Parts(tmp_path, 0).compute(NAMES, make)) == "abc"
    assert make.made == ["a", "b", "c"]


def test_the_same_arrays_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Parts(tmp_path / name, 0).compute(NAMES, Maker())
    assert [p.read_bytes() for p in sorted((tmp_path / "one").iterdir())] == [
        p.read_bytes() for p in sorted((tmp_path / "two").iterdir())
    ]
