from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.errors import ShardFault, UsageError
from maskgen.shards import sealed_json
from maskgen.trainers.training import checkpoint


def state(step: int) -> checkpoint.State:
    generator = torch.Generator().manual_seed(step)
    return {
        "method": {"w": torch.randn(40, 50, generator=generator), "n": torch.tensor(step)},
        "loader": {"epoch": 1, "dataset": "abc"},
        "schedule": {"step": step, "lr": 0.1},
    }


def quiet(text: str) -> None:
    raise AssertionError(text)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path / "new" / "folder", 7, state(7), facts={"fingerprint": "f"})
    found = checkpoint.newest(path.parent, quiet)
    assert found is not None
    assert found[0] == path
    assert torch.equal(found[1]["method"]["w"], state(7)["method"]["w"])
    assert found[1]["loader"] == {"epoch": 1, "dataset": "abc"}
    side = json.loads(path.with_suffix(".json").read_text())
    assert (side["step"], side["bytes"], side["fingerprint"]) == (7, path.stat().st_size, "f")


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        checkpoint.save(tmp_path, step, state(step))
    assert checkpoint.steps(tmp_path) == [15, 20]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "step-000000015.json",
        "step-000000015.pt",
        "step-000000020.json",
        "step-000000020.pt",
    ]


def test_nothing_yet_is_no_error(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "absent", quiet) is None


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 3, state(1))
    path = checkpoint.save(tmp_path, 3, state(2))
    assert torch.equal(checkpoint.load(path)["method"]["w"], state(2)["method"]["w"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cut", "flipped", "zeroed"])
def test_a_torn_newest_falls_back_wherever_it_is_torn(tmp_path: Path, kind: str) -> None:
    """Row 21: a hundred offsets; the one before is used, with a warning, and nothing crashes."""
    checkpoint.save(tmp_path, 1, state(1))
    path = checkpoint.save(tmp_path, 2, state(2))
    whole, side = path.read_bytes(), path.with_suffix(".json").read_bytes()
    for offset in np.linspace(0, len(whole) - 1, 100).astype(int).tolist():
        torn = bytearray(whole)
        if kind == "cut":
            del torn[offset:]
        else:
            torn[offset] = 0 if kind == "zeroed" and torn[offset] else torn[offset] ^ 0x40
        path.write_bytes(torn)
        path.with_suffix(".json").write_bytes(side)
        warned: list[str] = []
        found = checkpoint.newest(tmp_path, warned.append)
        assert found is not None
        assert found[1]["schedule"]["step"] == 1
        assert len(warned) == 1
        assert path.name in warned[0]


@pytest.mark.slow
def test_a_torn_side_file_falls_back_too(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1))
    path = checkpoint.save(tmp_path, 2, state(2)).with_suffix(".json")
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset])
        warned: list[str] = []
        found = checkpoint.newest(tmp_path, warned.append)
        assert found is not None
        assert (found[1]["schedule"]["step"], len(warned)) == (1, 1)


def test_a_damaged_one_is_warned_about_once_and_takes_no_place(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1))
    path = checkpoint.save(tmp_path, 2, state(2))
    path.write_bytes(path.read_bytes()[:-1])
    warned: list[str] = []
    for _ in range(3):
        found = checkpoint.newest(tmp_path, warned.append)
        assert found is not None
        assert found[1]["schedule"]["step"] == 1
    assert len(warned) == 1
    assert f"{path.name}.damaged" in warned[0]
    assert path.with_name(path.name + ".damaged").exists()
    checkpoint.save(tmp_path, 3, state(3))
    assert checkpoint.steps(tmp_path) == [1, 3]


def test_a_file_without_its_side_file_does_not_exist(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1))
    checkpoint.save(tmp_path, 2, state(2)).with_suffix(".json").unlink()
    found = checkpoint.newest(tmp_path, quiet)
    assert found is not None
    assert found[1]["schedule"]["step"] == 1


def test_only_damaged_ones_are_an_error(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, state(1))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ShardFault, match="no checkpoint is whole"):
        checkpoint.newest(tmp_path, lambda _: None)
    with pytest.raises(ShardFault, match="no checkpoint is whole"):  # again: a restart must not begin anew
        checkpoint.newest(tmp_path, lambda _: None)


def test_one_under_anothers_name_is_found_out(tmp_path: Path) -> None:
    first = checkpoint.save(tmp_path, 1, state(1))
    second = checkpoint.save(tmp_path, 2, state(2))
    shutil.copy(first, second)
    with pytest.raises(ShardFault, match="damaged"):
        checkpoint.load(second)


def test_a_later_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    path = checkpoint.save(tmp_path, 1, state(1))
    monkeypatch.undo()
    with pytest.raises(UsageError, match="later version"):
        checkpoint.load(path)


def forge(path: Path, content: bytes, **facts: object) -> None:
    """Write content with a side file that vouches for it."""
    path.write_bytes(content)
    step = int(path.stem.removeprefix("step-"))
    record = {"version": 1, "step": step, "bytes": len(content), "sha256": sha256(content).hexdigest()}
    path.with_suffix(".json").write_bytes(sealed_json.render({**record, **facts}))


def pickled(value: object, protocol: int = 2) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    return buffer.getvalue()


class Dangerous:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path("made-by-a-checkpoint"),)  # type: ignore[return-value]


FORGED = {
    "code": pickle.dumps({"method": Dangerous()}),
    "code in a zip": pickled({"method": Dangerous()}),
    "empty": b"",
    "text": b"no checkpoint",
    "a pickle of nothing": b"\x80\x02.",
    "a memo that is not there": b"\x80\x02h\x00.",
    "a pickle without its end": pickle.dumps({"a": 1}, protocol=2)[:-3],
    "a zip of nothing": b"PK\x05\x06" + bytes(18),
    "a list": pickled([1, 2]),
}


@pytest.mark.parametrize("kind", FORGED)
def test_content_that_nobody_can_read_is_damage_though_its_hash_is_right(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints"
    checkpoint.save(folder, 1, state(1))
    forge(checkpoint.path_of(folder, 2), FORGED[kind])
    warned: list[str] = []
    found = checkpoint.newest(folder, warned.append)
    assert found is not None
    assert found[1]["schedule"]["step"] == 1
    assert len(warned) == 1
    assert "a checkpoint is damaged: its hash is right, its content is not" in warned[0]
    assert not Path("made-by-a-checkpoint").exists()


def test_flipped_pickles_of_the_right_hash_never_crash(tmp_path: Path) -> None:
    """Old-style files, in which no checksum of a zip stands before the reader."""
    buffer = io.BytesIO()
    torch.save(
        {"method": {"w": torch.zeros(3)}, "n": [1, 2.5, "x"]}, buffer, _use_new_zipfile_serialization=False
    )
    whole, random = buffer.getvalue(), np.random.default_rng(0)
    path = checkpoint.path_of(tmp_path, 2)
    damaged = 0
    for _ in range(100):
        torn = bytearray(whole)
        torn[random.integers(len(torn))] = random.integers(256)
        forge(path, bytes(torn))
        try:
            checkpoint.load(path)
        except ShardFault:
            damaged += 1
    assert damaged > 10


@pytest.mark.parametrize(
    "facts",
    [{"bytes": None}, {"bytes": "many"}, {"sha256": 7}, {"version": [1]}, {"step": 3}, {"bytes": 1e400}],
)
def test_a_side_file_that_says_nonsense_is_damage_too(facts: dict[str, object], tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1))
    path = checkpoint.path_of(tmp_path, 2)
    forge(path, pickled(state(2)), **facts)
    warned: list[str] = []
    found = checkpoint.newest(tmp_path, warned.append)
    assert found is not None
    assert (found[1]["schedule"]["step"], len(warned)) == (1, 1)


def test_a_side_file_without_its_facts_is_damage_too(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1))
    path = checkpoint.save(tmp_path, 2, state(2))
    path.with_suffix(".json").write_bytes(sealed_json.render({"version": 1}))
    warned: list[str] = []
    found = checkpoint.newest(tmp_path, warned.append)
    assert found is not None
    assert (found[1]["schedule"]["step"], len(warned)) == (1, 1)


def test_a_state_that_nobody_can_take_is_damage_and_the_message_says_why(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1))
    checkpoint.save(tmp_path, 2, {"method": {}})
    warned: list[str] = []
    found = checkpoint.newest(tmp_path, warned.append, lambda state: state["method"]["w"].sum())
    assert found is not None
    assert found[1]["schedule"]["step"] == 1
    assert "KeyError: 'w'" in warned[0]
    with pytest.raises(ShardFault, match="KeyError: 'nobody'"):
        checkpoint.newest(tmp_path, quiet, lambda state: state["nobody"])
    assert checkpoint.steps(tmp_path) == [1]  # where none is whole, none is put aside


def test_a_pipe_under_a_checkpoints_name_is_not_waited_for(tmp_path: Path) -> None:
    path = checkpoint.path_of(tmp_path, 2)
    forge(path, b"")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ShardFault, match="a checkpoint is damaged"):
        checkpoint.load(path)


@pytest.mark.slow
def test_a_full_disk_is_told_as_such_and_leaves_the_last_one(tmp_path: Path) -> None:
    """A limit on file sizes stands in for the disk."""
    program = f"""
import resource, signal, torch
from pathlib import Path
from maskgen.errors import EnvironmentFault
from maskgen.trainers.training import checkpoint
folder = Path({str(tmp_path / "checkpoints")!r})
checkpoint.save(folder, 1, {{"weights": torch.zeros(10)}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    checkpoint.save(folder, 2, {{"weights": torch.zeros(100_000)}})
except EnvironmentFault as fault:
    print("told:", fault)
print(checkpoint.steps(folder), sorted(path.name for path in folder.iterdir() if "partial" in path.name))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "told: cannot write (File too large)" in done.stdout
    assert done.stdout.splitlines()[-1] == "[1] []"
