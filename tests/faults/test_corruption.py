"""Faults 14 and 15: any flipped byte, cut, missing, extra, renamed, swapped or stale file of a data set is
found.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import MakeSet
from photos import hashes, make_photos

from maskgen.cli.app import cli
from maskgen.errors import MaskgenError
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader
from maskgen.shards import naming, tar
from maskgen.shards.verify import verify

pytestmark = pytest.mark.faults

SEED = 20261124
FIRST, SECOND, FAILED = "folder-train-000000", "folder-train-000001", "folder-train-000004"
SEALED = (naming.MANIFEST, naming.PLAN, naming.PLAN_TABLE)


def data_files(output: Path) -> list[Path]:
    """Every file of a data set but the log, which no hash covers."""
    return [path for path in sorted(output.rglob("*")) if path.is_file() and path.name != naming.LOG]


@contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    """A file with other content, for a moment."""
    before = path.read_bytes()
    assert data != before
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def refused(output: Path, *, check_hashes: bool = False) -> bool:
    """Whether the loader refuses the data set before it hands out anything."""
    try:
        open_dataset(output, check_hashes=check_hashes)
    except MaskgenError:
        return True
    return False


def faults(output: Path, level: str) -> tuple[object, ...]:
    return verify(output, level).faults


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["tar", "idx", "parquet", "json", "any"])
def test_every_flipped_byte_is_found(kind: str, copy: Path, full_faults: bool) -> None:
    """Each suffix in turn, so that the big tars do not take all the flips; ``any`` is by size."""
    draw = random.Random(SEED)
    files = [path for path in data_files(copy) if kind == "any" or path.suffix == f".{kind}"]
    sizes = [path.stat().st_size if kind == "any" else 1 for path in files]
    assert not faults(copy, "full")
    for _ in range(200 if full_faults else 12):
        path = draw.choices(files, sizes)[0]
        data = bytearray(path.read_bytes())
        place = draw.randrange(len(data))
        data[place] ^= draw.randrange(1, 256)
        with changed(path, bytes(data)):
            where = f"{path.name} at byte {place}, seed {SEED}"
            assert faults(copy, "full"), where
            assert faults(copy, "hashes"), where
            if path.parent == copy and path.name not in (naming.PLAN, naming.PLAN_TABLE):
                assert refused(copy, check_hashes=True), where
    assert not faults(copy, "full")


def test_every_bit_that_rots_while_a_training_reads_is_found_by_the_read(copy: Path) -> None:
    """A thousand bits of the tars, anywhere before their end markers, in headers and padding too."""
    draw = random.Random(SEED)
    data = open_dataset(copy)
    reader = SampleReader(data, data.members)
    everything = np.arange(data.samples)
    reader.take(everything, data.members)
    for _ in range(1000):
        shard = draw.choice(data.shards)
        place, bit = draw.randrange(shard.bytes - len(tar.END)), 1 << draw.randrange(8)
        row = int(np.searchsorted(shard.starts, place, "right")) - 1
        with data.tar(shard).open("r+b", buffering=0) as file:
            whole = os.pread(file.fileno(), 1, place)
            os.pwrite(file.fileno(), bytes([whole[0] ^ bit]), place)
            with pytest.raises(BrokenSample, match=shard.tar_name) as caught:
                reader.take(everything[[shard.first + row]], data.members)
            os.pwrite(file.fileno(), whole, place)
        assert caught.value.sample == shard.first + row, f"bit {bit} of {place} in {shard.tar_name}"
    reader.take(everything, data.members)
    assert not faults(copy, "hashes")


@pytest.mark.timeout(3600)
def test_every_byte_of_the_small_files_counts(copy: Path, full_faults: bool) -> None:
    """Every byte of the plan, the manifest and a record (full), or each 40th; one bit of it."""
    step = 1 if full_faults else 97
    for path in [copy / name for name in SEALED] + [copy / naming.RECORDS / f"{FIRST}.json"]:
        data = path.read_bytes()
        for place in range(0, len(data), step):
            with changed(path, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]):
                assert faults(copy, "quick"), f"{path.name} at byte {place}"


def cuts(copy: Path, draw: random.Random, count: int) -> Iterator[tuple[Path, bytes]]:
    """Files cut at random places; half of the tars at a boundary between members, with or without an end
    marker.
    """
    for number in range(count):
        path = draw.choice(data_files(copy) if number % 2 else sorted(copy.glob("*.tar")))
        data = path.read_bytes()
        if path.suffix == ".tar" and draw.random() < 0.5:
            members = tar.read_members(path)
            end = draw.choice(members).offset - tar.BLOCK
            yield path, data[:end] + draw.choice([b"", tar.END])
        else:
            yield path, data[: draw.randrange(len(data))]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_truncation_is_found(copy: Path, full_faults: bool) -> None:
    draw = random.Random(SEED)
    for path, data in cuts(copy, draw, 1000 if full_faults else 40):
        where = f"{path.name} cut to {len(data)}, seed {SEED}"
        with changed(path, data):
            assert faults(copy, "quick"), where
            if path.parent == copy and path.name not in (naming.PLAN, naming.PLAN_TABLE):
                assert refused(copy), where


CONFIGS: list[dict[str, object]] = [
    {},
    {"background": "none"},
    {"background": "telea", "background_side": 32},
    {"layout": "sidecar"},
    {"binary": True, "mask_side": 40},
    {"short_side": 48, "jpeg_quality": 80},
    {"threshold": 0.9, "labels": "none"},
    {"mask_side": 50, "background_quality": 60},
    {"background_side": 40, "binary": True},
    {"layout": "sidecar", "background": "none", "short_side": 60},
]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(len(CONFIGS)))
def test_clean_data_sets_raise_no_alarm(
    number: int, make_set: MakeSet, photos: Path, tmp_path: Path, full_faults: bool
) -> None:
    source = make_photos(tmp_path / "photos", 100) if full_faults else photos
    output = tmp_path / "shards"
    size = 1 if full_faults else 2 + number
    whole = make_set(output, input=str(source), shard_size=size, **CONFIGS[number]).manifest
    assert len(whole.shards) >= (100 if full_faults else 3)
    for level in ("quick", "hashes", "full"):
        assert faults(output, level) == ()
    assert open_dataset(output, check_hashes=True).samples == whole.samples


def test_an_unfinished_run_is_said_to_be_unfinished_and_nothing_else(
    make_set: MakeSet, tmp_path: Path
) -> None:
    make_set(tmp_path / "shards", task=(0, 2))
    (fault,) = faults(tmp_path / "shards", "full")
    assert "or one of its tasks, has not ended" in str(fault)


def rename(output: Path, old: str, new: str, *, record: bool = False) -> None:
    for suffix in naming.SUFFIXES:
        (output / f"{old}.{suffix}").rename(output / f"{new}.{suffix}")
    if record:
        records = output / naming.RECORDS
        (records / f"{old}.json").rename(records / f"{new}.json")


def swap(output: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        rename_one(output, f"{FIRST}.{suffix}", "aside")
        rename_one(output, f"{SECOND}.{suffix}", f"{FIRST}.{suffix}")
        rename_one(output, "aside", f"{SECOND}.{suffix}")


def rename_one(output: Path, old: str, new: str) -> None:
    (output / old).rename(output / new)


def remove(output: Path, name: str, *suffixes: str) -> None:
    for suffix in suffixes:
        (output / f"{name}.{suffix}").unlink()


def stale(output: Path, other: Path, *suffixes: str) -> None:
    """Files of an older run of the same photos under other options, under the same names."""
    for suffix in suffixes:
        shutil.copy(other / f"{FIRST}.{suffix}", output / f"{FIRST}.{suffix}")


def extra(output: Path, other: Path, name: str) -> None:
    for suffix in naming.SUFFIXES:
        shutil.copy(other / f"{FIRST}.{suffix}", output / f"{name}.{suffix}")


def foreign_record(output: Path, other: Path, name: str) -> None:
    shutil.copy(other / naming.RECORDS / f"{FIRST}.json", output / naming.RECORDS / f"{name}.json")


Damage = Callable[[Path, Path], object]
CASES: dict[str, Damage] = {
    "missing-shard": lambda out, _: remove(out, FIRST, *naming.SUFFIXES),
    "missing-tar": lambda out, _: remove(out, FIRST, "tar"),
    "missing-index": lambda out, _: remove(out, SECOND, "idx"),
    "missing-table": lambda out, _: remove(out, SECOND, "parquet"),
    "missing-table-of-a-shard-without-samples": lambda out, _: remove(out, FAILED, "parquet"),
    "extra-shard": lambda out, other: extra(out, other, "folder-train-000005"),
    "extra-tar-of-a-shard-without-samples": lambda out, _: shutil.copy(
        out / f"{FIRST}.tar", out / f"{FAILED}.tar"
    ),
    "extra-copy": lambda out, _: shutil.copy(out / f"{FIRST}.tar", out / f"{FIRST} (1).tar"),
    "renamed": lambda out, _: rename(out, FIRST, "folder-train-000009"),
    "renamed-with-its-record": lambda out, _: rename(out, FIRST, "folder-train-000009", record=True),
    "swapped-tars": lambda out, _: swap(out, "tar"),
    "swapped-indexes": lambda out, _: swap(out, "idx"),
    "swapped-shards": lambda out, _: swap(out, *naming.SUFFIXES),
    "stale-index": lambda out, other: stale(out, other, "idx"),
    "stale-table": lambda out, other: stale(out, other, "parquet"),
    "older-tar": lambda out, other: stale(out, other, "tar"),
    "older-shard": lambda out, other: stale(out, other, *naming.SUFFIXES),
    "no-manifest": lambda out, _: (out / naming.MANIFEST).unlink(),
    "older-manifest": lambda out, other: shutil.copy(other / naming.MANIFEST, out / naming.MANIFEST),
    "second-manifest": lambda out, other: shutil.copy(other / naming.MANIFEST, out / "manifest (1).json"),
    "second-manifest-set-aside": lambda out, _: shutil.copy(out / naming.MANIFEST, out / "old-manifest.json"),
}
HIDDEN_FROM_THE_LOADER: dict[str, Damage] = {
    "record-of-another-run": lambda out, other: foreign_record(out, other, FIRST),
    "record-of-a-shard-of-another-run": lambda out, _: shutil.copy(
        out / naming.RECORDS / f"{FIRST}.json", out / naming.RECORDS / "folder-train-000007.json"
    ),
    "missing-record": lambda out, _: (out / naming.RECORDS / f"{FIRST}.json").unlink(),
    "empty-record": lambda out, _: (out / naming.RECORDS / f"{FIRST}.json").write_bytes(b""),
    "all-records-missing": lambda out, _: [p.unlink() for p in (out / naming.RECORDS).iterdir()],
}


@pytest.fixture(scope="module")
def other(make_set: MakeSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same photos under other options: the same names, other bytes."""
    output = tmp_path_factory.mktemp("other") / "shards"
    make_set(output, threshold=0.9, background_quality=60)
    return output


@pytest.mark.slow
@pytest.mark.parametrize("case", [*CASES, *HIDDEN_FROM_THE_LOADER])
def test_misplaced_files_are_found_and_mended(
    case: str, copy: Path, other: Path, make_set: MakeSet, want: dict[str, str]
) -> None:
    {**CASES, **HIDDEN_FROM_THE_LOADER}[case](copy, other)
    assert faults(copy, "hashes")
    assert faults(copy, "full")
    assert CliRunner().invoke(cli, ["verify", str(copy)]).exit_code == 1
    if case in CASES:
        assert refused(copy)
    mended = CliRunner().invoke(cli, ["verify", str(copy), "--repair"])
    assert mended.exit_code == 0, mended.output
    make_set(copy)
    kept = {name: digest for name, digest in hashes(copy).items() if not name.startswith("set-aside/")}
    assert kept == want
    assert faults(copy, "full") == ()
    assert not refused(copy, check_hashes=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_repair_and_run_mend_flips_and_cuts(
    copy: Path, make_set: MakeSet, want: dict[str, str], full_faults: bool
) -> None:
    """Several files damaged at once, the plan's head left alone."""
    draw = random.Random(SEED)
    for _ in range(100 if full_faults else 8):
        for path in draw.sample([path for path in data_files(copy) if path.name != naming.PLAN], 4):
            data = bytearray(path.read_bytes())
            data[draw.randrange(len(data))] ^= draw.randrange(1, 256)
            path.write_bytes(data if draw.random() < 0.7 else data[: draw.randrange(len(data))])
        assert faults(copy, "hashes")
        assert CliRunner().invoke(cli, ["verify", str(copy), "--repair"]).exit_code == 0
        make_set(copy)
        assert hashes(copy) == want, f"seed {SEED}"
        assert faults(copy, "full") == ()


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_a_lost_plan_is_made_again(damage: str, copy: Path, make_set: MakeSet, want: dict[str, str]) -> None:
    """The records say that the shards are of this very run."""
    path = copy / naming.PLAN
    data = path.read_bytes()
    path.write_bytes(
        data[:100] if damage == "cut" else data.replace(b"folder-train-000001", b"folder-train-0000o1")
    )
    if damage == "missing":
        path.unlink()
    assert faults(copy, "quick")
    assert CliRunner().invoke(cli, ["verify", str(copy), "--repair"]).exit_code == 1
    make_set(copy)
    assert hashes(copy) == want


def test_a_lost_plan_of_another_run_is_refused(copy: Path, make_set: MakeSet) -> None:
    (copy / naming.PLAN).unlink()
    before = hashes(copy)
    with pytest.raises(MaskgenError, match="holds shards but no plan"):
        make_set(copy, threshold=0.9)
    assert hashes(copy) == before
