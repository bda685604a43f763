"""Each device has room for as many processes as were asked for, and each process sees its own."""

from __future__ import annotations

import pytest

from maskgen.processes.places import Machine, Place


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("maskgen.processes.places.usable_cores", lambda: 8)


def take(room: Machine, count: int = 1) -> Place:
    place = room.take(count)
    assert place
    return place


def test_each_device_gets_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,7")
    room = Machine(["cuda:0", "cuda:1"], 2)
    places = [take(room) for _ in range(4)]
    assert room.take(1) is None
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in places] == ["6", "7", "6", "7"]
    assert [one.words for one in places] == [["--device", "cuda"]] * 4
    assert {one.environment["OMP_NUM_THREADS"] for one in places} == {"2"}
    room.give_back(places[1])
    assert take(room) == places[1]
    assert take(Machine(["cpu"], 1)).environment == {}


def test_several_processes_of_a_command_have_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    room = Machine(["cuda:0", "cuda:1", "cuda:2"], 1)
    single = take(room)
    pair = take(room, 2)
    assert pair.environment == {"CUDA_VISIBLE_DEVICES": "1,2", "OMP_NUM_THREADS": "2"}
    assert room.take(1) is None
    room.give_back(single)
    assert room.take(2) is None
    room.give_back(pair)
    assert take(room, 3).devices == ("cuda:0", "cuda:1", "cuda:2")


def test_processes_on_a_cpu_share_it() -> None:
    room = Machine(["cpu"], 2)
    assert take(room, 2) == Place(("cpu", "cpu"), threads=4)
    assert Machine(["cuda:0"], 2).take(2) is None
