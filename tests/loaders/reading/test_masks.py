from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders import MaskReader


def stored(drawing: Any) -> Any:
    return np.rint(drawing.mask * 255).astype(np.uint8)


@pytest.mark.slow
def test_masks_come_in_order_and_bit_equal(drawn: Any) -> None:
    reader = MaskReader(drawn.path)
    pairs = list(reader)
    assert [key for key, _ in pairs] == [d.key for d in drawn.drawings] == list(reader.keys())
    assert len(reader) == len(pairs) == 21
    for (_, mask), drawing in zip(pairs, drawn.drawings, strict=True):
        assert mask.dtype == np.uint8
        assert (mask == stored(drawing)).all()


def test_random_access_gives_the_same(drawn: Any) -> None:
    reader = MaskReader(drawn.path)
    for drawing in reversed(drawn.drawings):
        assert drawing.key in reader
        assert (reader[drawing.key] == stored(drawing)).all()


def test_binary_masks_and_smaller_ones(builder: Any) -> None:
    built = builder(samples=5, shard_size=2, options={"binary": True, "mask_side": 60})
    reader = MaskReader(built.path)
    for drawing in built.drawings:
        mask = reader[drawing.key]
        assert max(mask.shape) == 60
        assert set(np.unique(mask)) == {0, 255}
        assert abs((mask > 0).mean() - (drawing.mask >= 0.5).mean()) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("key", ["s0009", "s000", "s00000", "", "zzz", "ä", "a/b", "s0000\0"])
def test_unknown_keys(drawn: Any, key: str) -> None:
    reader = MaskReader(drawn.path)
    assert key not in reader
    with pytest.raises(KeyError):
        reader[key]
    with pytest.raises(KeyError):
        reader.record(key)


def test_every_photo_is_found_by_its_path_also_in_quarantine(drawn: Any) -> None:
    reader = MaskReader(drawn.path)
    assert all(reader.key_of(f"photos/{one.key}.jpg") == one.key for one in drawn.drawings)
    torn = reader.key_of("photos/s0009.jpg", root="photos")
    assert (torn, torn in reader) == ("s0009", False)


def test_a_number_is_no_key(drawn: Any) -> None:
    reader = MaskReader(drawn.path)
    assert 3 not in reader
    with pytest.raises(KeyError):
        reader[3]  # type: ignore[index]


def test_record(drawn: Any) -> None:
    facts = MaskReader(drawn.path).record("s0007")
    drawing = drawn.by_key("s0007")
    assert (facts["height"], facts["width"]) == drawing.size
    assert facts["label"] == drawing.label
    assert facts["fg_area"] == pytest.approx((stored(drawing) >= 128).mean(), abs=1e-6)


def test_reader_travels_to_workers(drawn: Any) -> None:
    reader = MaskReader(drawn.path)
    assert "s0001" in reader
    again = pickle.loads(pickle.dumps(reader))
    assert (again["s0013"] == reader["s0013"]).all()


def test_keys_need_not_be_sorted(builder: Any) -> None:
    built = builder(samples=6, shard_size=4, failed=(0,), reverse_keys=True)
    reader = MaskReader(built.path)
    assert list(reader.keys()) == [d.key for d in built.drawings] != sorted(reader.keys())
    for drawing in built.drawings:
        assert (reader[drawing.key] == stored(drawing)).all()


def test_damaged_mask_is_named(copy: Any) -> None:
    reader = MaskReader(copy.path)
    shard = reader.dataset.shards[0]
    with reader.dataset.tar(shard).open("r+b") as file:
        file.seek(int(shard.offsets[1, 1]) + 50)
        file.write(bytes(int(shard.sizes[1, 1]) - 50))
    with pytest.raises(ShardFault, match=r"s0001\.mask\.png"):
        reader["s0001"]
    with pytest.raises(ShardFault, match=r"s0001\.mask\.png"):
        list(reader)


def test_damaged_record_is_named(copy: Any) -> None:
    reader = MaskReader(copy.path)
    shard = reader.dataset.shards[0]
    with reader.dataset.tar(shard).open("r+b") as file:
        file.seek(int(shard.offsets[1, 3]))
        file.write(b"\xff")
    with pytest.raises(ShardFault, match=r"s0001\.json"):
        reader.record("s0001")


def test_folder_is_checked_first(copy: Any) -> None:
    copy.shards()[0].unlink()
    with pytest.raises(ShardFault, match="missing"):
        MaskReader(copy.path)


def test_unended_run(builder: Any) -> None:
    built = builder(samples=4, shard_size=2, commit=1)
    with pytest.raises(UsageError):
        MaskReader(built.path)
    assert len(MaskReader(built.path, allow_incomplete=True)) == 2


def test_empty_data_set(builder: Any) -> None:
    reader = MaskReader(builder(samples=2, failed=(0, 1)).path)
    assert list(reader) == []
    assert "s0000" not in reader


@pytest.mark.slow
def test_neither_torch_nor_dali_is_imported(drawn: Any) -> None:
    program = (
        "import sys; from maskgen.loaders import MaskReader; print(sum(1 for _ in MaskReader(sys.argv[1])));"
        "print(sorted({'torch', 'nvidia', 'torchvision', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(drawn.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["21", "[]"]


def test_tensor_is_the_array(drawn: Any) -> None:
    reader = MaskReader(drawn.path)
    tensor = reader.torch("s0007")
    assert str(tensor.dtype) == "torch.uint8"
    assert (tensor.numpy() == reader["s0007"]).all()
    with pytest.raises(KeyError):
        reader.torch("nothing")


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"binary": True}, {"mask_side": 60}, {"threshold": 0.25}])
def test_hard_masks_have_the_photos_size_and_the_recorded_area_and_box(builder: Any, options: Any) -> None:
    built = builder(samples=6, shard_size=4, empty=(2,), options=options)
    reader = MaskReader(built.path)
    for drawing in built.drawings:
        hard, facts = reader.hard(drawing.key), reader.record(drawing.key)
        assert (hard.shape, hard.dtype) == (drawing.size, np.bool_)
        assert hard.mean() == pytest.approx(facts["fg_area"], abs=1e-6)
        rows, columns = np.flatnonzero(hard.any(1)), np.flatnonzero(hard.any(0))
        box = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1] if rows.size else [0, 0, 0, 0]
        assert box == facts["fg_box"]
        if "mask_side" not in options:
            assert (hard == (drawing.mask >= facts["threshold"] - 0.5 / 255)).mean() > 0.999


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
@pytest.mark.parametrize("options", [{}, {"mask_side": 60, "binary": True}])
def test_run_lengths_are_those_of_pycocotools(builder: Any, options: Any) -> None:
    from pycocotools import mask as coco

    built = builder(samples=6, shard_size=4, empty=(2,), options=options)
    reader = MaskReader(built.path)
    for drawing in built.drawings:
        hard = reader.hard(drawing.key)
        theirs = coco.encode(np.asfortranarray(hard.astype(np.uint8)))
        assert reader.rle(drawing.key) == {"size": theirs["size"], "counts": theirs["counts"].decode()}
        listed = reader.rle(drawing.key, compressed=False)
        assert (coco.decode(coco.frPyObjects(listed, *listed["size"])) == hard).all()
        assert json.loads(json.dumps(listed)) == listed


def test_reader_of_an_open_data_set(drawn: Any) -> None:
    from maskgen.loaders import open_dataset

    reader = MaskReader(open_dataset(drawn.path))
    assert (reader["s0003"] == MaskReader(drawn.path)["s0003"]).all()


@pytest.mark.parametrize("value", [b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\xff\xff\xff\xff"])
def test_damaged_size_is_named(copy: Any, value: bytes) -> None:
    reader = MaskReader(copy.path)
    shard = reader.dataset.shards[0]
    with reader.dataset.tar(shard).open("r+b") as file:
        file.seek(int(shard.offsets[1, shard.members.index("meta")]) + 4)
        file.write(value)
    with pytest.raises(ShardFault, match=r"s0001\.meta"):
        reader.rle("s0001")


@pytest.mark.slow
def test_workers_of_a_torch_loader_share_a_reader(drawn: Any) -> None:
    from torch.utils.data import DataLoader

    reader = MaskReader(drawn.path)
    keys = [drawing.key for drawing in drawn.drawings]
    for context in ("fork", "spawn"):
        loader = DataLoader(
            keys, batch_size=4, num_workers=2, multiprocessing_context=context, collate_fn=MasksOf(reader)
        )
        found = dict(pair for batch in loader for pair in batch)
        assert all((found[key] == reader[key]).all() for key in keys)


class MasksOf:
    """What a worker does with a list of keys."""

    def __init__(self, reader: MaskReader) -> None:
        self.reader = reader

    def __call__(self, keys: list[str]) -> list[tuple[str, Any]]:
        return [(key, self.reader[key]) for key in keys]


def test_a_flipped_bit_in_a_mask_is_an_error(copy: Any) -> None:
    reader = MaskReader(copy.path)
    shard, row = reader.dataset.locate(8)
    key = shard.keys[row].decode()
    with reader.dataset.tar(shard).open("r+b") as file:
        file.seek(shard.place(row, shard.members.index("mask.png"))[0] + 60)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 16]))
    with pytest.raises(ShardFault, match=rf"(?s)CRC-32C.*{key}\.mask\.png"):
        reader[key]
    with pytest.raises(ShardFault, match="CRC-32C"):
        list(reader)
    assert reader.record(key)["key"] == key


def test_lean_masks_are_small_and_their_facts_come_from_the_table(lean: Any) -> None:
    reader = MaskReader(lean.path)
    for key, mask in reader:
        assert mask.shape == (128, 128)
        drawing, record = lean.by_key(key), reader.record(key)
        assert (record["key"], record["source"], record["label"]) == (key, f"{key}.jpg", drawing.label)
        assert (record["height"], record["width"]) == drawing.size
        true, found = drawing.mask >= 0.5, reader.hard(key)
        assert found.shape == drawing.size
        assert (found & true).sum() >= 0.97 * (found | true).sum()
        assert record["fg_area"] == pytest.approx(found.mean(), abs=1e-6)
