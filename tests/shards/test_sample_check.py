"""What `verify --full` compares: each number that a sample or its row states is changed alone, and found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from sample_kit import H, W, blob, config_of, encode, photo

from maskgen.io.images.encode import encode_jpeg, encode_lean_mask
from maskgen.io.images.stored import decode_mask
from maskgen.shards import patch
from maskgen.shards.meta import META
from maskgen.shards.naming import written_format
from maskgen.shards.reader import SampleBytes
from maskgen.shards.sample import Encoded
from maskgen.shards.sample_check import check_sample
from maskgen.types import Box, Label


@dataclass(frozen=True)
class Made:
    """A sample as a run makes it, its row of the table and the run's options."""

    parts: dict[str, bytes]
    row: dict[str, Any]
    options: dict[str, Any]

    def faults(self) -> list[str]:
        version = written_format(self.options.get("members", "full"))
        return list(check_sample(SampleBytes("k", self.parts), self.row, self.options, version))

    def swap(self, **parts: bytes) -> Made:
        """With other members, and the row's hash of them honest."""
        changed = {**self.parts, **parts}
        sha256 = hashlib.sha256(b"".join(changed.values())).hexdigest()
        return replace(self, parts=changed, row={**self.row, "sha256": sha256})


def make(*, empty: bool = False, label: Label = 4, **options: object) -> Made:
    config, data = config_of(**options), photo()
    sample = encode(config, data, blob(empty=empty), label)
    return Made(dict(sample.members), row_of(sample, data, label), config.fingerprint_fields())


def row_of(sample: Encoded, data: bytes, label: Label) -> dict[str, Any]:
    """As the shard's writer completes it."""
    content = b"".join(part for _, part in sample.members)
    hashes = {
        name: hashlib.sha256(one).hexdigest() for name, one in (("sha256", content), ("source_sha256", data))
    }
    return {**sample.row, "label": json.dumps(label), **hashes}


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"background_store": "patch"},
    {"background_store": "patch", "background_side": 60},
    {"background_store": "patch", "layout": "sidecar"},
    {"background_store": "patch", "background": "telea", "mask_side": 80},
    {"background_side": 60, "binary": True},
    {"background": "none", "background_store": "patch"},
    {"label": None},
    {"label": (3, 7)},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("empty", [False, True])
def test_what_a_run_makes_is_sound(options: dict[str, Any], empty: bool) -> None:
    assert make(empty=empty, **options).faults() == []


def test_a_share_between_two_of_its_last_digits_is_stated_and_checked_alike() -> None:
    data = encode_jpeg(np.full((20, 32, 3), 90, np.uint8), 95)
    soft = np.zeros((20, 32), np.float32)
    soft[5, 6:9] = 1
    sample = encode(config_of(), data, soft)
    made = Made(dict(sample.members), row_of(sample, data, 4), config_of().fingerprint_fields())
    assert json.loads(made.parts["json"])["fg_area"] == 0.004688  # 3 / 640 is 0.0046875; Python has 0.004687
    assert made.faults() == []


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


@pytest.mark.parametrize("position", range(META.itemsize // 4))
def test_each_number_of_meta(made: Made, position: int) -> None:
    """The 18 numbers as the format's page counts them, each one off and absurd."""
    for value in (None, 2**31 - 1, -(2**31)):
        numbers = np.frombuffer(made.parts["meta"], "<i4").copy()
        numbers[position] = numbers[position] + 1 if value is None else value
        assert made.swap(meta=numbers.tobytes()).faults(), value


def test_a_free_box_outside_the_photo_and_one_that_is_not_the_largest(made: Made) -> None:
    y0, x0, y1, x1 = np.frombuffer(made.parts["meta"], "<i4")[7:11].tolist()
    for box in ((H, W, H + 9, W + 9), (y0, x0 + 1, y1, x1), (0, 0, 0, 0)):
        numbers = np.frombuffer(made.parts["meta"], "<i4").copy()
        numbers[7:11] = box
        faults = made.swap(meta=numbers.tobytes()).faults()
        assert [f"meta states free_box {list(box)}, it is {[y0, x0, y1, x1]}"] == [
            fault for fault in faults if "free_box" in fault
        ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "j"),
        ("source", "other.jpg"),
        ("label", 5),
        ("label", 4.0),
        ("method", "rbd"),
        ("threshold", 0.5),
        ("fg_area", 0.5),
        ("fg_box", [0, 0, 1, 1]),
        ("confidence", 0.001),
        ("confidence", None),
        ("background", "telea"),
        ("bg_box", [0, 0, 1, 1]),
        ("verbatim", False),
        ("verbatim", 1),
        ("width", W + 1),
        ("extra", 1),
    ],
)
def test_each_field_of_the_json(made: Made, name: str, value: object) -> None:
    facts = {**json.loads(made.parts["json"]), name: value}
    assert any(
        name in fault or "px" in fault for fault in made.swap(json=json.dumps(facts).encode()).faults()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", "other.jpg"),
        ("error", "odd"),
        ("label", "5"),
        ("label", "no JSON"),
        ("width", 5),
        ("height", None),
        ("fg_area", 0.5),
        ("fg_box", [0, 0, 1, 1]),
        ("confidence", 0.001),
        ("confidence", None),
        ("background", "untouched"),
        ("background", "magic"),
        ("verbatim", False),
        ("source_sha256", "0" * 64),
        ("source_crc32c", 7),
        ("mask_sha256", "0" * 64),
        ("sha256", None),
    ],
)
def test_each_field_of_the_row(made: Made, name: str, value: object) -> None:
    assert replace(made, row={**made.row, name: value}).faults()


def test_the_class_and_the_sizes_of_masks(made: Made) -> None:
    assert "cls is b'5', its label is 4" in made.swap(cls=b"5").faults()[0]
    assert make(label=None).parts.keys() & {"cls"} == set()
    small = made.swap(**{"mask.png": make(mask_side=90).parts["mask.png"]})
    assert any("the mask is 90x60 px" in fault for fault in small.faults())


@pytest.mark.parametrize("damage", [b"{", b"[]", b"null", b'{"width": 3}', b'{"width": "3", "height": 2}'])
def test_a_json_that_is_none_is_a_fault_of_its_sample(made: Made, damage: bytes) -> None:
    (fault,) = made.swap(json=damage).faults()
    assert fault.startswith("cannot be decoded")


def moved(made: Made, box: Box, *, in_json: bool = True) -> Made:
    parts = made.parts
    meta = np.frombuffer(parts["meta"], "<i4").copy()
    meta[13:17] = box
    facts = json.loads(parts["json"])
    if in_json:
        facts["bg_box"] = list(box)
    return made.swap(meta=meta.tobytes(), json=json.dumps(facts).encode())


@pytest.mark.parametrize("store", ["full", "patch"])
@pytest.mark.parametrize("shift", [(1, 0), (0, -3), (500, 0), (-500, 0)])
def test_a_background_moved_on_its_photo_is_found(store: str, shift: tuple[int, int]) -> None:
    made = make(background_store=store)
    y0, x0, y1, x1 = patch.background_box(made.parts["meta"])
    box = Box(y0 + shift[0], x0 + shift[1], y1 + shift[0], x1 + shift[1])
    stated = f"meta states bg_box {list(box)}, it is {[y0, x0, y1, x1]}"
    assert moved(made, box, in_json=False).faults() == [stated]
    assert stated in moved(made, box).faults()


def test_a_background_of_another_size_or_off_the_foreground_is_found() -> None:
    made = make(background_store="patch")
    y0, x0, y1, x1 = patch.background_box(made.parts["meta"])
    wider = moved(made, Box(y0, x0, y1, x1 + 1))
    assert any(fault.startswith("bg.jpg is") for fault in wider.faults())
    beside = moved(made, Box(0, 0, y1 - y0, x1 - x0))
    assert len(beside.faults()) == 2
    assert moved(made, Box(0, 0, 0, 0)).faults() != []
    assert any("cannot be decoded" in fault for fault in made.swap(meta=made.parts["meta"][:52]).faults())


@pytest.fixture(scope="module")
def lean() -> Made:
    return make(members="lean")


@pytest.mark.parametrize("options", [{}, {"layout": "sidecar"}, {"label": None}, {"label": (3, 7)}], ids=str)
@pytest.mark.parametrize("empty", [False, True])
def test_a_lean_sample_is_sound(options: dict[str, Any], empty: bool) -> None:
    assert make(empty=empty, members="lean", **options).faults() == []


@pytest.mark.parametrize("position", range(META.itemsize // 4))
def test_each_number_of_a_lean_samples_meta(lean: Made, position: int) -> None:
    for value in (None, 2**31 - 1, -(2**31)):
        numbers = np.frombuffer(lean.parts["meta"], "<i4").copy()
        numbers[position] = numbers[position] + 1 if value is None else value
        assert lean.swap(meta=numbers.tobytes()).faults(), value


@pytest.mark.parametrize("byte", [0, 1023, 2047])
def test_each_part_of_a_lean_samples_table_is_made_again(lean: Made, byte: int) -> None:
    table = bytearray(lean.parts["sat"])
    table[byte] ^= 4
    assert lean.swap(sat=bytes(table)).faults() == ["the summed-area table is not that of the mask"]


def test_a_lean_mask_has_one_size_and_few_levels(lean: Made) -> None:
    mask = decode_mask(lean.parts["mask.png"])
    other = mask.copy()
    other[0, 0] = 3
    faults = lean.swap(**{"mask.png": encode_lean_mask(other)}).faults()
    assert "the mask has other gray levels than a lean one" in faults
    faults = lean.swap(**{"mask.png": encode_lean_mask(mask[:, :-1])}).faults()
    assert faults == ["cannot be decoded (other-size: no 8-bit gray PNG of 128x128 px)"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", W + 1), ("height", 0), ("fg_area", 0.5), ("fg_box", [0, 0, 1, 1]), ("confidence", 0.001)],
)
def test_each_fact_of_a_lean_sample_that_only_the_table_has(lean: Made, name: str, value: object) -> None:
    assert replace(lean, row={**lean.row, name: value}).faults()
