"""Listings that are remembered: what changed is listed anew and nothing else, whatever befalls the memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from archive_kit import tar_of
from faulty_store import FaultyStore

from maskgen.config.run_config import RunConfig, make_config
from maskgen.pipelines import listed as module
from maskgen.pipelines import planning, remembered
from maskgen.pipelines.listed import Listed, list_source, parse_rows
from maskgen.pipelines.remembered import Memory, memory_folder, open_memory
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.sources import open_source
from maskgen.pipelines.sources.containers.tfrecord import masked_crc32c
from maskgen.pipelines.sources.parts import Lister, Subject

OLD = 1_700_000_000


def tar(*names: str) -> bytes:
    """A tar of tiny files, each of which says its name."""
    return tar_of({name: name.encode() for name in names})


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in names:
            file.writestr(name, name)
    return stream.getvalue()


def tfrecord(*photos: str) -> bytes:
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    found = b""
    for photo in photos:
        image = field(1, b"image/encoded") + field(2, field(1, field(1, photo.encode())))
        example = field(1, field(1, image))
        head = len(example).to_bytes(8, "little")
        found += head + masked_crc32c(head).to_bytes(4, "little")
        found += example + masked_crc32c(example).to_bytes(4, "little")
    return found


def instances(category: int, *names: str) -> bytes:
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    objects = [{"image_id": number, "category_id": category} for number in range(len(names))]
    return json.dumps({"images": images, "annotations": objects}).encode()


WNIDS = ("n01440764", "n01443537")
Files = dict[str, bytes]
KINDS: dict[str, tuple[str, Files, Files, int]] = {
    # data set, its files, those that are other ones later, parts that are listed anew then
    "tars": (
        "webdataset",
        {f"{n}.tar": tar(f"a{n}.jpg", f"a{n}.cls") for n in range(4)},
        {"2.tar": tar("a9.jpg", "a9.cls")},  # as long as before
        1,
    ),
    "records": (
        "jft",
        {f"{n}.tfrecord": tfrecord(f"p{n}", f"q{n}") for n in range(3)},
        {"1.tfrecord": tfrecord("p", "q", "r")},
        1,
    ),
    "class tars": (
        "imagenet",
        {"ILSVRC2012_img_train.tar": tar_of({f"{w}.tar": tar(f"{w}_1.JPEG") for w in WNIDS})},
        {"ILSVRC2012_img_train.tar": tar_of({f"{w}.tar": tar(f"{w}_2.JPEG") for w in WNIDS})},
        2,
    ),
    "flat tar": (
        "imagenet",
        {"ILSVRC2012_img_train.tar": tar(*(f"{w}_1.JPEG" for w in WNIDS))},
        {"ILSVRC2012_img_train.tar": tar(*(f"{w}_2.JPEG" for w in WNIDS), "notes.txt")},
        1,
    ),
    "coco zip": (
        "coco",
        {"train2017.zip": zipped("a.jpg", "b.jpg"), "instances_train2017.json": instances(3, "a.jpg")},
        {"instances_train2017.json": instances(4, "a.jpg")},
        1,
    ),
    "coco": (
        "coco",
        {
            "train2017/a.jpg": b"a",
            "train2017/b.jpg": b"bb",
            "instances_train2017.json": instances(3, "a.jpg", "c.jpg"),
        },
        {"instances_train2017.json": instances(5, "b.jpg"), "train2017/b.jpg": b"B"},
        1,
    ),
    "folder": ("folder", {"x/a.jpg": b"a", "y/b.jpg": b"bb"}, {"y/b.jpg": b"b", "y/c.jpg": b"c"}, 2),
}


class Disk:
    """A folder of files that nobody has touched for years."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.time = OLD

    @property
    def input(self) -> str:
        return str(self.root)

    def put(self, files: Files) -> None:
        self.time += 1
        for name, data in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, (self.time, self.time))

    def remove(self, name: str) -> None:
        (self.root / name).unlink()


class Bucket:
    """The same in an object store."""

    input = "s3://bucket/set"

    def __init__(self, store: FaultyStore) -> None:
        self.store = store

    def put(self, files: Files) -> None:
        self.store.objects |= {f"set/{name}": data for name, data in files.items()}

    def remove(self, name: str) -> None:
        del self.store.objects[f"set/{name}"]


@pytest.fixture(params=["disk", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Disk | Bucket:
    if request.param == "disk":
        return Disk(tmp_path / "set")
    return Bucket(request.getfixturevalue("faulty_store"))


@pytest.fixture(autouse=True)
def listings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is remembered."""
    monkeypatch.setenv("MASKGEN_LISTINGS", str(tmp_path / "listings"))
    return tmp_path / "listings"


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> list[Lister]:
    """The parts that were listed, not remembered."""
    found: list[Lister] = []
    real = module._list_part

    def watched(part: Lister) -> Any:
        found.append(part)
        return real(part)

    monkeypatch.setattr(module, "_list_part", watched)
    return found


def listing(config: RunConfig, memory: Memory) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a source, and its notes."""
    source: Any = open_source(config)
    with memory, Listed(Path("/tmp")) as listed:
        list_source(source, listed, 1, memory=memory)
        rows = [row for _, data in listed.pieces(0, listed.images) for row in parse_rows(data).to_pylist()]
        assert sum(len(part) for part in listed.hashes()) == len(rows) == listed.images
    return rows, source.notes


@pytest.mark.parametrize("kind", KINDS)
def test_what_changed_is_listed_anew_and_nothing_else(
    kind: str, place: Disk | Bucket, anew: list[Lister]
) -> None:
    dataset, files, changed, parts = KINDS[kind]
    place.put(files)
    config = RunConfig(dataset=dataset, input=place.input, output="out")

    def check() -> int:
        """The parts that are listed with the memory; the result is that of a listing without one."""
        anew.clear()
        found = listing(config, open_memory(config, worth_s=0))
        count = len(anew)
        assert found == listing(config, Memory(None))
        return count

    everything = check()
    walked = everything if kind in ("folder", "coco", "flat tar") else 0  # what a look is the listing of
    assert check() == walked
    place.put(changed)
    assert check() == (everything if kind == "folder" else parts)
    assert check() == walked


def test_files_that_come_and_go(place: Disk | Bucket, anew: list[Lister]) -> None:
    config = RunConfig(dataset="webdataset", input=place.input, output="out")

    def keys() -> tuple[list[str], int]:
        anew.clear()
        rows, _ = listing(config, open_memory(config, worth_s=0))
        return [row["key"] for row in rows], len(anew)

    place.put({f"{n}.tar": tar(f"a{n}.jpg") for n in range(3)})
    assert keys() == (["a0", "a1", "a2"], 3)
    place.remove("1.tar")
    assert keys() == (["a0", "a2"], 0)
    place.put({"0b.tar": tar("b.jpg")})
    assert keys() == (["a0", "b", "a2"], 1)
    place.put({"1.tar": tar("a1.jpg")})  # what was gone is not remembered
    assert keys() == (["a0", "b", "a1", "a2"], 1)


def test_another_time_is_another_file_even_with_the_same_size(tmp_path: Path, anew: list[Lister]) -> None:
    disk = Disk(tmp_path / "set")
    disk.put({"0.tar": tar("a.jpg")})
    config = RunConfig(dataset="webdataset", input=disk.input, output="out")

    def keys() -> list[str]:
        return [row["key"] for row in listing(config, open_memory(config, worth_s=0))[0]]

    assert keys() == keys() == ["a"]
    assert len(anew) == 1
    disk.put({"0.tar": tar("b.jpg")})
    assert keys() == ["b"]
    disk.time -= 1  # another content under the old time: only the time of the change itself tells
    disk.put({"0.tar": tar("c.jpg")})
    assert keys() == ["c"]


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path, anew: list[Lister]) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "0.tar").write_bytes(tar("a.jpg"))
    config = RunConfig(dataset="webdataset", input=str(tmp_path / "set"), output="out")
    for _ in range(2):
        listing(config, open_memory(config, worth_s=0))
    assert len(anew) == 2


def test_options_that_shape_the_rows_are_told_apart(tmp_path: Path, anew: list[Lister]) -> None:
    disk = Disk(tmp_path / "set")
    disk.put({"0.tfrecord": tfrecord("p"), "1.tfrecord": tfrecord("q")})
    config = RunConfig(dataset="jft", input=disk.input, output="out")
    for options, count in (({}, 2), ({}, 0), ({"label_feature": "x"}, 2), ({"verify_source": True}, 2)):
        anew.clear()
        changed = RunConfig(**{"dataset": "jft", "input": config.input, "output": "out", **options})  # type: ignore[arg-type]
        listing(changed, open_memory(changed, worth_s=0))
        assert len(anew) == count


def test_what_takes_a_moment_leaves_nothing_behind(tmp_path: Path, listings: Path) -> None:
    disk = Disk(tmp_path / "set")
    disk.put({"0.tar": tar("a.jpg")})
    config = RunConfig(dataset="webdataset", input=disk.input, output="out")
    listing(config, open_memory(config))
    assert not listings.exists()


def test_a_damaged_memory_costs_a_listing_and_no_more(
    tmp_path: Path, listings: Path, anew: list[Lister]
) -> None:
    disk = Disk(tmp_path / "set")
    disk.put({f"{n}.tar": tar(f"a{n}.jpg") for n in range(20)})
    config = RunConfig(dataset="webdataset", input=disk.input, output="out")
    right = listing(config, open_memory(config, worth_s=0))
    (path,) = listings.iterdir()
    whole = path.read_bytes()
    draw, listed_anew = random.Random(0), []
    for attempt in range(60):
        data = bytearray(whole)
        for at in draw.sample(range(len(data)), 3) if attempt else range(100):
            data[at] ^= 1 << draw.randrange(8)
        path.write_bytes(data if attempt % 5 else data[: draw.randrange(1, len(data))])
        anew.clear()
        assert listing(config, open_memory(config, worth_s=0)) == right
        listed_anew.append(len(anew))
        anew.clear()
        assert listing(config, open_memory(config, worth_s=0)) == right
    assert set(listed_anew) >= {0, 1, 20}


def test_a_place_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: list[Lister]
) -> None:
    disk = Disk(tmp_path / "set")
    disk.put({"0.tar": tar("a.jpg")})
    config = RunConfig(dataset="webdataset", input=disk.input, output="out")
    for folder in (f"{os.devnull}/listings", str(tmp_path / "set" / "0.tar" / "x"), "off"):
        monkeypatch.setenv("MASKGEN_LISTINGS", folder)
        rows, _ = listing(config, open_memory(config, worth_s=0))
        assert [row["key"] for row in rows] == ["a"]
    assert len(anew) == 3


def test_a_memory_that_another_process_holds_is_done_without(
    tmp_path: Path, listings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "_BUSY_S", 0.01)
    disk = Disk(tmp_path / "set")
    disk.put({f"{n}.tar": tar(f"a{n}.jpg") for n in range(3)})
    config = RunConfig(dataset="webdataset", input=disk.input, output="out")
    right = listing(config, open_memory(config, worth_s=0))
    (path,) = listings.iterdir()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert listing(config, open_memory(config, worth_s=0)) == right
    other.execute("ROLLBACK")
    other.close()
    assert path.exists()


def test_the_folder_is_found_and_old_memories_are_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MASKGEN_LISTINGS", "")
    folder = memory_folder()
    assert folder == tmp_path / "maskgen" / "listings"
    folder.mkdir(parents=True)
    for name, age in (("new.listing", 1), ("old.listing", 100 * 86_400), ("old.txt", 100 * 86_400)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    open_memory(RunConfig(dataset="folder", input="photos", output="out"))
    assert sorted(path.name for path in folder.iterdir()) == ["new.listing", "old.txt"]


def test_a_look_that_is_not_there_is_never_found(tmp_path: Path) -> None:
    with Memory(tmp_path / "memory", worth_s=0) as memory:
        subject = Subject((tmp_path / "gone.tar",), "x")
        memory.look([subject])
        memory.keep(subject, b"data")
        assert (memory.has(subject), memory.find(subject)) == (False, None)
        assert memory.recall(subject, lambda: [1]) == [1]


PLAN = """
import sys
from maskgen.config.run_config import make_config
from maskgen.pipelines import remembered
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
remembered._FLUSH_S = 0
remembered.open_memory.__kwdefaults__["worth_s"] = 0
values = {"dataset": "webdataset", "input": sys.argv[1], "output": sys.argv[2], "method": "box"}
prepare(resolve(make_config(values)), recheck=True)
"""


def start(place: Path, output: Path) -> subprocess.Popen[bytes]:
    """A process that makes a plan, and remembers each part at once."""
    return subprocess.Popen([sys.executable, "-c", PLAN, str(place), str(output)])


def count_parts(folder: Path) -> int:
    """How many parts are remembered."""
    count = 0
    for path in folder.glob("*.listing"):
        with contextlib.closing(sqlite3.connect(path)) as file, contextlib.suppress(sqlite3.OperationalError):
            count += int(file.execute("SELECT count(*) FROM parts").fetchone()[0])
    return count


@pytest.mark.slow
def test_plans_that_are_killed_or_made_at_once_leave_a_memory_that_can_be_used(
    tmp_path: Path, listings: Path, anew: list[Lister], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKGEN_LISTINGS", "off")
    disk = Disk(tmp_path / "set")
    disk.put({f"{n:03d}.tar": tar(*(f"{n:03d}-{m:04d}.jpg" for m in range(400))) for n in range(60)})
    values = {"dataset": "webdataset", "input": disk.input, "method": "box"}
    right = planning.prepare(resolve(make_config({**values, "output": str(tmp_path / "right")})))
    monkeypatch.setenv("MASKGEN_LISTINGS", str(listings))
    kept = [0]
    for _ in range(3):  # each goes on from what those before had listed
        process = start(disk.root, tmp_path / "killed")
        while count_parts(listings) <= kept[-1] and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        kept.append(count_parts(listings))
    assert kept == sorted(kept)
    assert 0 < kept[1] < 60
    both = [start(disk.root, tmp_path / name) for name in ("first", "second")]
    assert [process.wait() for process in both] == [0, 0]
    anew.clear()
    made = planning.prepare(resolve(make_config({**values, "output": str(tmp_path / "last")})))
    assert not anew
    assert made == right
    for name in ("first", "second", "last"):
        for file in ("plan.json", "plan.table"):
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "right" / file).read_bytes()
