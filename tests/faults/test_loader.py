"""Faults under a running loader: kills and resumes, tars cut while they are read, bit rot, odd
surroundings.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.order.schedule import Schedule
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader

pytestmark = pytest.mark.faults


def _drawings() -> ModuleType:
    """The builder of tests/loaders, which is a fixture file and not on the import path."""
    file = Path(__file__).resolve().parents[1] / "loaders" / "conftest.py"
    spec = importlib.util.spec_from_file_location("drawings", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["drawings"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty samples in eight shards; read only."""
    drawings = _drawings()
    path: Path = drawings.build(tmp_path_factory.mktemp("loader") / "shards", drawings.Recipe(60, 8)).path
    return path


@pytest.fixture
def shards(built: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(built, tmp_path / "shards"))


READING = """
import json, os, sys, time, hashlib
from pathlib import Path
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.order.schedule import Schedule
from maskgen.loaders.order.state import LoaderState
from maskgen.loaders.reading.samples import SampleReader

shards, state_file, log, world, batch, epochs, shuffle = sys.argv[1:]
dataset = open_dataset(shards, shuffle=shuffle)
reader = SampleReader(dataset, ("jpg",))
ranks = [Schedule(dataset.samples, int(batch), rank, int(world)) for rank in range(int(world))]
state = LoaderState(3, 0, 0, dataset.fingerprint, dataset.order(3, 0).name)
if Path(state_file).exists():
    state = LoaderState.from_dict(json.loads(Path(state_file).read_text()))
    state.check(dataset.fingerprint, dataset.order(3, 0).name)
first, step = state.epoch, ranks[0].step_after(state.samples_done)
print("begun", flush=True)
with open(log, "a") as out:
    for epoch in range(first, int(epochs)):
        order = dataset.order(state.seed, epoch)
        for step in range(step, ranks[0].steps):
            digest = hashlib.sha256()
            for schedule in ranks:
                taken = reader.take(schedule.batch(order, step), ("jpg",))
                for row, key in enumerate(reader.keys(taken.samples)):
                    digest.update(key.encode() + taken.encoded["jpg"][row].tobytes())
                    digest.update(taken.small.fg[row].tobytes())
            out.write(f"{epoch} {step} {digest.hexdigest()}\\n")
            out.flush()
            done = LoaderState(3, epoch, ranks[0].samples_after(step + 1), state.dataset, state.order)
            Path(state_file + ".new").write_text(json.dumps(done.to_dict()))
            os.replace(state_file + ".new", state_file)
            time.sleep(0.002)
        step = 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", ["global", "shards:2"])
def test_killed_and_resumed_readers_see_the_undisturbed_sequence(
    built: Path, tmp_path: Path, shuffle: str, full_faults: bool
) -> None:
    """kill -9 at random times, each resume on another number of ranks; a global batch is logged at least
    once.
    """
    # A step takes 2 ms at least, so that the kills come before the end.
    kills, epochs = (50, 400) if full_faults else (4, 40)
    rng = np.random.default_rng(12)

    def command(name: str, world: int) -> list[str]:
        state, log = str(tmp_path / f"{name}.json"), str(tmp_path / f"{name}.log")
        numbers = [str(world), str(12 // world), str(epochs)]
        return [sys.executable, "-c", READING, str(built), state, log, *numbers, shuffle]

    subprocess.run(command("whole", 1), check=True, capture_output=True)
    killed = 0
    for number in range(1000):
        world = int(rng.choice([1, 2, 3, 4, 6]))
        with subprocess.Popen(command("killed", world), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            if number < kills:
                time.sleep(float(rng.uniform(0, 0.15)))
                process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        if process.returncode == 0:
            break
    assert killed >= kills // 2
    whole = (tmp_path / "whole.log").read_text().splitlines()
    found = (tmp_path / "killed.log").read_text().splitlines()
    assert len(whole) == epochs * 5
    assert [line for k, line in enumerate(found) if k == 0 or line != found[k - 1]] == whole


@pytest.mark.slow
def test_tars_cut_and_mended_under_a_reader_never_kill_it(
    shards: Path, built: Path, full_faults: bool
) -> None:
    program = (
        "import sys, numpy as np\n"
        "from maskgen.loaders.dataset.open import open_dataset\n"
        "from maskgen.loaders.reading.samples import SampleReader\n"
        "dataset, members = open_dataset(sys.argv[1]), ('jpg', 'bg.jpg')\n"
        "whole = SampleReader(open_dataset(sys.argv[3])).take(np.arange(60), members)\n"
        "print('begun', flush=True)\n"
        "skipped = 0\n"
        "for epoch in range(int(sys.argv[2])):\n"
        "    reader = SampleReader(dataset, members, on_error='skip', threads=2)\n"
        "    taken = reader.take(dataset.order(0, epoch)[np.arange(60)], members)\n"
        "    for row, sample in enumerate(taken.samples.tolist()):\n"
        "        assert (taken.small.fg[row] == whole.small.fg[sample]).all()\n"
        "        assert all((taken.encoded[e][row] == whole.encoded[e][sample]).all() for e in members)\n"
        "    skipped += reader.skipped\n"
        "    reader.close()\n"
        "print('survived' if skipped else 'nothing was cut')\n"
    )
    tars = sorted(shards.glob("*.tar"))
    whole = {path: path.read_bytes() for path in tars}
    rng = np.random.default_rng(3)
    command = [sys.executable, "-c", program, str(shards), "2000" if full_faults else "150", str(built)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begun\n"
        while process.poll() is None:
            path = tars[rng.integers(1, len(tars))]
            os.truncate(path, int(rng.integers(0, len(whole[path]))))
            time.sleep(0.002)
            path.write_bytes(whole[path])  # truncates and fills: a mapped reader would die here too
        assert process.returncode == 0, process.stderr.read()
        assert process.stdout.read() == "survived\n"


def test_one_flipped_byte_is_found_or_stays_where_it_is(shards: Path, full_faults: bool) -> None:
    """Whatever is handed out is what lies in the tar under that very name; damage in headers and tables is
    found.
    """
    dataset, rng = open_dataset(shards), np.random.default_rng(8)
    path = dataset.tar(dataset.shards[2])
    whole = path.read_bytes()
    places = {}
    with tarfile.open(path) as archive:
        for member in archive:
            places[member.name] = (member.offset_data, member.size)
    first, rows = int(dataset.firsts[2]), len(dataset.shards[2].keys)
    found = unseen = 0
    for offset in rng.integers(0, len(whole) - 1024, 2000 if full_faults else 150).tolist():
        data = bytearray(whole)
        data[offset] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        reader = SampleReader(dataset, ("jpg",))
        fault = _fault(reader, np.arange(first, first + rows))
        if fault is not None:
            key = dataset.keys(np.array([fault.sample]))[0]
            assert re.search(rf"{path.name} {key}\.\S+ at byte \d+", fault.where)
            found += 1
            continue
        taken = reader.take(np.arange(first, first + rows), ("jpg", "bg.jpg"))
        unseen += 1
        for row, key in enumerate(reader.keys(taken.samples)):
            for ext, content in (
                ("sat", taken.small.sat[row].astype("<u2").tobytes()),
                ("meta", taken.small.meta[row].tobytes()),
                ("fg", taken.small.fg[row].tobytes()),
                ("jpg", taken.encoded["jpg"][row].tobytes()),
                ("bg.jpg", taken.encoded["bg.jpg"][row].tobytes()),
            ):
                start, size = places[f"{key}.{ext}"]
                assert content == data[start : start + size]
        header = any(start - 512 <= offset < start for name, (start, _) in places.items() if _read(name))
        assert not header
    path.write_bytes(whole)
    assert found
    assert unseen


def _fault(reader: SampleReader, samples: NDArray[np.int64]) -> BrokenSample | None:
    try:
        reader.take(samples, ("jpg", "bg.jpg"))
    except BrokenSample as fault:
        return fault
    return None


def _read(name: str) -> bool:
    return name.partition(".")[2] in ("sat", "fg", "meta", "jpg", "bg.jpg")


@pytest.mark.parametrize("name", ["with spaces", "mit Ümläuten 日本", "x" * 200])
def test_folders_with_odd_names(built: Path, tmp_path: Path, name: str) -> None:
    shards, cache = tmp_path / name / "shards", tmp_path / name / "cache"
    shutil.copytree(built, shards)
    one = SampleReader(open_dataset(shards), ("jpg",)).take(np.arange(60), ("jpg",))
    two = SampleReader(open_dataset(shards, cache=cache), ("jpg",)).take(np.arange(60), ("jpg",))
    assert all((a == b).all() for a, b in zip(one.encoded["jpg"], two.encoded["jpg"], strict=True))


@pytest.mark.slow
def test_surroundings_without_a_home_and_with_few_files(built: Path, tmp_path: Path) -> None:
    """umask 077, HOME that is not there, ulimit -n 64, a working folder that was removed."""
    program = (
        "import os, sys, numpy as np, resource\n"
        "os.umask(0o077)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "from maskgen.loaders.dataset.open import open_dataset\n"
        "from maskgen.loaders.reading.samples import SampleReader\n"
        "for options in ({}, {'cache': sys.argv[2]}):\n"
        "    dataset = open_dataset(sys.argv[1], **options)\n"
        "    SampleReader(dataset, ('jpg',), threads=4).take(dataset.order(0, 0)[np.arange(60)], ('jpg',))\n"
        "print('read')\n"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {**os.environ, "HOME": "/nowhere/at/all", "TMPDIR": "/nowhere/at/all"}
    command = f'cd "{gone}" && rmdir "{gone}" && exec "$0" "$@"'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, "-c", program, str(built), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.stdout == "read\n", done.stderr


def test_ranks_and_epochs_cover_the_data_set(built: Path) -> None:
    """Ranks 1, 2, 4, 8 and three epochs, read through the shards: same global batches, each key once."""
    reference: dict[tuple[int, int], list[str]] = {}
    for world in (1, 2, 4, 8):
        dataset = open_dataset(built, shuffle="shards:3")
        reader = SampleReader(dataset)
        for epoch in range(3):
            order, seen = dataset.order(1, epoch), []
            for step in range(Schedule(60, 16 // world, 0, world, "partial").steps):
                ranks = [Schedule(60, 16 // world, rank, world, "partial") for rank in range(world)]
                keys = [key for s in ranks for key in reader.keys(reader.take(s.batch(order, step)).samples)]
                assert reference.setdefault((epoch, step), keys) == keys
                seen += keys
            assert sorted(seen) == sorted(dataset.keys(np.arange(60)))


def test_state_survives_json(built: Path) -> None:
    dataset = open_dataset(built)
    from maskgen.loaders.order.state import LoaderState

    state = LoaderState(2**63, 5, 48, dataset.fingerprint)
    assert LoaderState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
