"""Every way a folder can differ from its manifest is refused, and nothing else is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import MaskgenError, ShardFault, UsageError
from maskgen.io.atomic import file_sha256
from maskgen.loaders import open_dataset
from maskgen.shards import index, naming, table, tar

ROUNDS = 150


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x10]))


def test_sound_folder_opens_with_the_counts_of_the_manifest(drawn: Any) -> None:
    dataset = open_dataset(drawn.path, check_hashes=True)
    keys = [key.decode() for shard in dataset.shards for key in shard.keys.tolist()]
    assert keys == [drawing.key for drawing in drawn.drawings]
    assert (dataset.samples, len(dataset.shards), dataset.manifest.failed) == (21, 4, 1)
    assert [shard.first for shard in dataset.shards] == [0, 6, 11, 17]
    assert (dataset.threshold, dataset.level) == (0.5, 128)


def test_places_are_those_that_tarfile_finds(drawn: Any) -> None:
    import tarfile

    dataset = open_dataset(drawn.path)
    for shard in dataset.shards:
        with tarfile.open(dataset.tar(shard)) as archive:
            found = [(m.offset_data, m.size) for m in archive.getmembers()]
        assert list(zip(shard.offsets.ravel(), shard.sizes.ravel(), strict=True)) == found


@pytest.mark.parametrize(
    "recipe",
    [
        {"labelled": False},
        {"options": {"background": "none"}},
        {"options": {"binary": True, "mask_side": 64}},
        {"options": {"layout": "sidecar"}},
        {"samples": 7, "shard_size": 3, "failed": (3, 4, 5)},
        {"samples": 2, "failed": (0, 1)},
    ],
)
def test_every_kind_of_data_set_opens(builder: Any, recipe: dict[str, Any]) -> None:
    built = builder(**recipe)
    dataset = open_dataset(built.path, check_hashes=True)
    assert dataset.samples == len(built.drawings) == sum(len(shard.keys) for shard in dataset.shards)


def test_threshold_of_binary_masks_is_the_middle_of_the_stored_values(builder: Any) -> None:
    soft = open_dataset(builder(samples=2, options={"threshold": 0.25}).path)
    hard = open_dataset(builder(samples=2, options={"threshold": 0.25, "binary": True}).path)
    assert (soft.level, hard.level) == (64, 128)


def test_published_copy_needs_no_records_and_no_plan(copy: Any) -> None:
    shutil.rmtree(copy.path / "records")
    (copy.path / "plan.json").unlink(missing_ok=True)
    assert open_dataset(copy.path).samples == 21


def test_tar_cut_at_each_member_boundary(copy: Any) -> None:
    file = copy.shards()[1]
    whole = file.read_bytes()
    members = tar.read_members(file)
    ends = [m.offset + m.size + -m.size % tar.BLOCK for m in members]
    for end in ends:
        cut(file, end)
        with pytest.raises(ShardFault, match=file.name):
            open_dataset(copy.path)
        file.write_bytes(whole)
    assert open_dataset(copy.path).samples == 21


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_any_file_cut_anywhere(copy: Any, suffix: str) -> None:
    rng = np.random.default_rng(7)
    files = copy.shards(suffix)
    for _ in range(ROUNDS):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        blocks = len(whole) // tar.BLOCK
        length = int(rng.integers(len(whole)) if rng.random() < 0.5 else tar.BLOCK * rng.integers(blocks))
        cut(file, length)
        with pytest.raises(ShardFault, match=file.name):
            open_dataset(copy.path)
        file.write_bytes(whole)


@pytest.mark.parametrize("suffix", ["idx", "parquet", "json"])
def test_any_byte_flipped_in_the_small_files(copy: Any, suffix: str) -> None:
    rng = np.random.default_rng(8)
    files = [copy.path / "manifest.json"] if suffix == "json" else copy.shards(suffix)
    for _ in range(ROUNDS):
        file = files[rng.integers(len(files))]
        offset = int(rng.integers(file.stat().st_size))
        flip(file, offset)
        with pytest.raises(ShardFault):
            open_dataset(copy.path)
        flip(file, offset)


def test_any_byte_flipped_in_a_tar_with_check_hashes(copy: Any) -> None:
    rng = np.random.default_rng(9)
    for file in copy.shards():
        for offset in rng.integers(0, file.stat().st_size, 20):
            flip(file, int(offset))
            with pytest.raises(ShardFault, match=file.name):
                open_dataset(copy.path, check_hashes=True)
            flip(file, int(offset))


@pytest.mark.parametrize("member", [0, 3, -1])
def test_flipped_header_of_the_first_and_last_sample_without_check_hashes(copy: Any, member: int) -> None:
    file = copy.shards()[2]
    flip(file, tar.read_members(file)[member].offset - tar.BLOCK + 3)
    with pytest.raises(ShardFault, match="does not hold the member"):
        open_dataset(copy.path)


def test_garbage_in_place_of_the_end_blocks(copy: Any) -> None:
    file = copy.shards()[0]
    flip(file, file.stat().st_size - 700)
    with pytest.raises(ShardFault, match="zero blocks"):
        open_dataset(copy.path)


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_dropped_file(copy: Any, suffix: str) -> None:
    copy.shards(suffix)[1].unlink()
    with pytest.raises(ShardFault, match=r"missing.*000001"):
        open_dataset(copy.path)


def test_dropped_shard(copy: Any) -> None:
    for suffix in ("tar", "idx", "parquet"):
        copy.shards(suffix)[3].unlink()
    with pytest.raises(ShardFault, match=r"missing.*000003"):
        open_dataset(copy.path)


def test_renamed_shard(copy: Any) -> None:
    for suffix in ("tar", "idx", "parquet"):
        file = copy.shards(suffix)[3]
        file.rename(file.with_name(file.name.replace("000003", "000007")))
    with pytest.raises(ShardFault, match="000007"):
        open_dataset(copy.path)


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_extra_file(copy: Any, suffix: str) -> None:
    file = copy.shards(suffix)[0]
    shutil.copy(file, file.with_name(f"drawn-train-000004.{suffix}"))
    with pytest.raises(ShardFault, match="knows no such file"):
        open_dataset(copy.path)


@pytest.mark.parametrize("suffixes", [("tar",), ("idx",), ("parquet",), ("tar", "idx", "parquet")])
def test_two_shards_swapped(copy: Any, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        one, two = copy.shards(suffix)[:2]
        rest = one.with_name("x")
        one.rename(rest)
        two.rename(one)
        rest.rename(two)
    with pytest.raises(ShardFault):
        open_dataset(copy.path)


def test_tars_of_equal_layout_swapped(copy: Any) -> None:
    """Same sizes, same offsets, other keys: only the headers tell."""
    file = copy.shards()[0]
    data = bytearray(file.read_bytes())
    for name, offset, size in tar.read_members(file):
        data[offset - tar.BLOCK : offset] = tar.header("t" + name[1:], size)
    file.write_bytes(data)
    with pytest.raises(ShardFault, match="does not hold the member"):
        open_dataset(copy.path)


def test_stale_index_of_an_older_tar(copy: Any, builder: Any) -> None:
    older = builder(empty=(4,), failed=(9,), seed=1)
    stale, current = older.shards("idx")[2], copy.shards("idx")[2]
    assert len(index.parse(stale)) == len(index.parse(current))
    shutil.copy(stale, current)
    with pytest.raises(ShardFault, match=r"000002\.idx"):
        open_dataset(copy.path)


def test_stale_index_that_somebody_also_put_into_the_manifest(copy: Any, resealed: Any) -> None:
    """Index, table and tar are compared with one another, not only with their hashes."""
    file = copy.shards("idx")[2]
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")

    def change(raw: Any) -> None:
        raw["shards"][2]["idx_sha256"] = file_sha256(file)

    resealed(copy.path / "manifest.json", change)
    with pytest.raises(ShardFault, match="index does not fit"):
        open_dataset(copy.path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("samples", lambda raw: raw["shards"][0].update(samples=7)),
        ("both counts", lambda raw: raw["shards"][0].update(samples=5, failed=1)),
        ("totals", lambda raw: raw["totals"].update(samples=22)),
        ("planned", lambda raw: raw["totals"].update(planned=23)),
        ("a shard less", lambda raw: raw["shards"].pop()),
        ("a shard twice", lambda raw: raw["shards"].append(raw["shards"][0])),
        ("order", lambda raw: raw["shards"].reverse()),
        ("members", lambda raw: raw["members"].remove("cls")),
        ("unknown member", lambda raw: raw["members"].append("txt")),
        ("path", lambda raw: raw["shards"][0].update(name="../drawn-train-000000")),
        ("version", lambda raw: raw.update(format=naming.FORMAT_VERSION + 1)),
        ("fingerprint", lambda raw: raw.update(fingerprint="0" * 64)),
        ("an index less", lambda raw: [raw["shards"][1].pop(f"idx_{part}") for part in ("bytes", "sha256")]),
        ("no threshold", lambda raw: raw["identity"]["options"].pop("threshold")),
        ("options of another type", lambda raw: raw["identity"].update(options=[])),
        ("fields", lambda raw: raw.pop("identity")),
    ],
)
def test_manifest_that_contradicts_itself_or_the_shards(
    copy: Any, resealed: Any, name: str, change: Callable[[Any], None]
) -> None:
    resealed(copy.path / "manifest.json", change)
    with pytest.raises(ShardFault):
        open_dataset(copy.path)


def test_shard_name_that_leads_out_of_the_folder(copy: Any, resealed: Any) -> None:
    for suffix in ("tar", "idx", "parquet"):
        shutil.move(copy.shards(suffix)[0], copy.path.parent)
    resealed(copy.path / "manifest.json", lambda raw: raw["shards"][0].update(name="../drawn-train-000000"))
    with pytest.raises(ShardFault, match=r"not one this tool writes.*\.\./drawn"):
        open_dataset(copy.path)


@pytest.mark.parametrize(
    ("column", "change", "match"),
    [
        ("meta_offset", 512, "do not fill the tar"),
        ("meta_size", 512, "do not fill the tar"),
        ("jpg_size", -(10**9), "do not fill the tar"),
        ("sat_size", -2, "has not 2178 bytes"),
        ("json_size", 1, "index does not fit"),
    ],
)
def test_table_of_wrong_places_in_a_manifest_that_agrees(
    copy: Any, resealed: Any, column: str, change: int, match: str
) -> None:
    """What a faulty tool could write: every hash fits, the places do not."""
    file = copy.shards("parquet")[0]
    rows = table.read(file).to_pylist()
    rows[-1][column] += change
    file.write_bytes(table.render(rows))
    fact = {"parquet_sha256": file_sha256(file), "parquet_bytes": file.stat().st_size}
    resealed(copy.path / "manifest.json", lambda raw: raw["shards"][0].update(fact))
    with pytest.raises(ShardFault, match=match):
        open_dataset(copy.path)


def test_edited_manifest_with_its_old_seal(copy: Any) -> None:
    path = copy.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "complete": False}, sort_keys=True, indent=1))
    with pytest.raises(ShardFault, match="seal"):
        open_dataset(copy.path)


@pytest.mark.parametrize(
    "name", ["manifest2.json", "manifest (1).json", "old-manifest.json", "Manifest.json"]
)
def test_second_manifest(copy: Any, name: str) -> None:
    shutil.copy(copy.path / "manifest.json", copy.path / name)
    with pytest.raises(ShardFault, match="second manifest"):
        open_dataset(copy.path)


def test_no_manifest_and_no_folder(copy: Any, tmp_path: Path) -> None:
    (copy.path / "manifest.json").unlink()
    for path in (copy.path, tmp_path / "nowhere"):
        with pytest.raises(ShardFault, match=r"no manifest\.json"):
            open_dataset(path)


def test_key_in_two_shards(builder: Any) -> None:
    built = builder(samples=8, shard_size=4, repeat_keys_after=6)
    with pytest.raises(ShardFault, match="s0000"):
        open_dataset(built.path)


def test_unended_run(builder: Any) -> None:
    built = builder(samples=10, shard_size=4, commit=2)
    with pytest.raises(UsageError, match="8 of 10 images") as caught:
        open_dataset(built.path)
    assert caught.value.remedy
    assert open_dataset(built.path, allow_incomplete=True).samples == 8


def test_unended_run_with_a_shard_that_is_not_in_the_manifest_yet(builder: Any) -> None:
    built = builder(samples=10, shard_size=4, commit=1)
    (built.path / "drawn-train-000001.tar").write_bytes(b"in the making")
    assert open_dataset(built.path, allow_incomplete=True).samples == 4
    cut(built.shards()[0], 512)
    with pytest.raises(ShardFault):
        open_dataset(built.path, allow_incomplete=True)


def test_every_refusal_says_where_and_what_next(copy: Any) -> None:
    cut(copy.shards()[0], 1024)
    with pytest.raises(MaskgenError) as caught:
        open_dataset(copy.path)
    assert copy.shards()[0].name in caught.value.where
    assert caught.value.remedy


def test_tar_changed_after_opening(copy: Any) -> None:
    from maskgen.loaders.dataset.shard import read_member

    dataset = open_dataset(copy.path)
    shard = dataset.shards[1]
    file = dataset.tar(shard)
    with dataset.descriptor(shard) as stream:
        assert read_member(stream, shard, 2, 3, "json").startswith(b'{"key":"s0008"')
    cut(file, int(shard.offsets[2, 3]) + 5)
    with dataset.descriptor(shard) as stream, pytest.raises(ShardFault, match="cut short"):
        read_member(stream, shard, 2, 3, "json")
    file.unlink()
    with pytest.raises(ShardFault, match="cannot open"), dataset.descriptor(shard):
        pass


def test_numbers_keys_and_places_agree(drawn: Any) -> None:
    dataset = open_dataset(drawn.path)
    numbers = np.arange(dataset.samples)
    assert dataset.keys(numbers) == [drawing.key for drawing in drawn.drawings]
    for number in numbers.tolist():
        shard, row = dataset.locate(number)
        assert shard.first + row == number
        assert shard.keys[row].decode() == drawn.drawings[number].key
        for column in range(len(dataset.members)):
            assert shard.place(row, column) == (shard.offsets[row, column], shard.sizes[row, column])
    for outside in (-1, 21):
        with pytest.raises(IndexError):
            dataset.locate(outside)


def test_orders_of_an_open_data_set(drawn: Any) -> None:
    everything = np.arange(21)
    for shuffle, name in (("global", "global"), ("shards", "shards:16"), ("shards:2", "shards:2")):
        dataset = open_dataset(drawn.path, shuffle=shuffle)
        order = dataset.order(4, 1)
        assert order.name == name
        assert sorted(order[everything].tolist()) == everything.tolist()
        assert (order[everything] == open_dataset(drawn.path, shuffle=shuffle).order(4, 1)[everything]).all()
        assert (order[everything] != dataset.order(4, 2)[everything]).any()


def test_fingerprint_is_of_the_content_not_of_the_place(drawn: Any, copy: Any, builder: Any) -> None:
    assert open_dataset(drawn.path).fingerprint == open_dataset(copy.path).fingerprint
    assert open_dataset(builder(samples=22, seed=1).path).fingerprint != open_dataset(copy.path).fingerprint


def test_shard_of_quarantined_images_only_between_others(builder: Any) -> None:
    """It has a table and no tar; numbers go on behind it."""
    dataset = open_dataset(builder(samples=9, shard_size=3, failed=(3, 4, 5)).path, shuffle="shards:1")
    assert dataset.firsts.tolist() == [0, 3, 6]
    assert dataset.keys(np.array([2, 3])) == ["s0002", "s0006"]
    assert sorted(dataset.order(0, 0)[np.arange(6)].tolist()) == list(range(6))
