"""TFRecord reading against the `tfrecord` package's writer, and against damaged and hostile records."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfrecord import example_pb2
from tfrecord.writer import TFRecordWriter

from maskgen.errors import SourceFault
from maskgen.io.storage.reading import LocalBytes
from maskgen.pipelines.sources.containers.tfrecord import (
    MAX_FIELDS,
    MAX_RECORD_BYTES,
    Record,
    feature_names,
    features,
    masked_crc32c,
    reading,
    record_heads,
    records,
)


def example(**values: tuple[Any, str]) -> bytes:
    return bytes(TFRecordWriter.serialize_tf_example(dict(values)))


def framed(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<L", masked_crc32c(head)) + data + struct.pack("<L", masked_crc32c(data))


def test_records_of_the_peer_writer(tmp_path: Path) -> None:
    writer = TFRecordWriter(str(tmp_path / "x.tfrecord"))
    rng = np.random.default_rng(0)
    images = [rng.bytes(int(n)) for n in rng.integers(0, 5000, 30)]
    for number, image in enumerate(images):
        writer.write(
            {"image": (image, "byte"), "label": ([number, -number], "int"), "f": ([0.5] * 9, "float")}
        )
    writer.close()
    raw = (tmp_path / "x.tfrecord").read_bytes()
    for number, record in enumerate(records(tmp_path / "x.tfrecord")):
        assert record.number == number
        assert raw[record.offset : record.offset + len(record.data)] == record.data
        found = features(record.data, frozenset({"image", "label", "f"}))
        (span,) = found["image"].spans
        assert raw[record.offset + span[0] : record.offset + span[1]] == images[number]
        assert found["label"].integers == [number, -number]
        assert (found["f"].kind, found["f"].spans, found["f"].integers) == ("float", [], [])
        assert feature_names(record.data) == ["f", "image", "label"]
    assert number == 29


_VALUE = st.one_of(
    st.tuples(st.lists(st.binary(max_size=200), max_size=5), st.just("byte")),
    st.tuples(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), st.just("int")),
    st.tuples(st.lists(st.floats(width=32), max_size=5), st.just("float")),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=20), _VALUE, max_size=6))
def test_any_example_equals_protobuf(values: dict[str, tuple[list[Any], str]]) -> None:
    data = bytes(TFRecordWriter.serialize_tf_example(values))
    peer = example_pb2.Example.FromString(data).features.feature
    found = features(data, frozenset(values))
    assert found.keys() == set(peer)
    for name, feature in found.items():
        assert feature.integers == list(peer[name].int64_list.value)
        assert [data[a:b] for a, b in feature.spans] == list(peer[name].bytes_list.value)


def test_unpacked_integers_unknown_fields_and_repeated_names() -> None:
    # int64_list { value: 7 value: 8 } unpacked, an unknown fixed32 field 9, and the name given twice.
    def entry(value: bytes) -> bytes:
        inner = b"\x0a\x01a\x12" + bytes([len(value)]) + value
        return b"\x0a" + bytes([len(inner)]) + inner

    integers = entry(b"\x1a\x04\x08\x07\x08\x08" + b"\x4d1234")
    body = entry(b"\x0a\x03\x0a\x01x") + integers
    data = b"\x0a" + bytes([len(body)]) + body
    peer = example_pb2.Example.FromString(data).features.feature["a"]
    assert features(data, frozenset("a"))["a"].integers == list(peer.int64_list.value) == [7, 8]


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_examples_are_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(example(image=(b"\xff" * 40, "byte"), label=([1, 2, 300], "int")))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = features(bytes(raw), frozenset({"image", "label"}))
    except ValueError:
        return
    for feature in found.values():
        assert all(0 <= a <= b <= len(raw) for a, b in feature.spans)


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    good = framed(example(image=(b"abc" * 30, "byte"))) + framed(example(image=(b"xyz", "byte")))
    first = len(framed(example(image=(b"abc" * 30, "byte"))))
    for position in range(len(good)):
        data = bytearray(good)
        data[position] ^= 1 << position % 8
        (tmp_path / "x.record").write_bytes(data)
        with pytest.raises(SourceFault) as caught:
            list(records(tmp_path / "x.record"))
        number, offset = (0, 0) if position < first else (1, first)
        assert f"record {number} at byte {offset} " in str(caught.value)
        assert "x.record" in str(caught.value)


def test_heads_are_those_of_whole_records_and_their_images_are_never_read(tmp_path: Path) -> None:
    """A large image before the label, and one behind; the bytes that are read are counted."""
    rng = np.random.default_rng(1)
    image = (rng.bytes(200_000), "byte")
    messages = [
        example(image=image, label=([7, -1], "int"), name=(b"a.jpg", "byte")),
        example(label=([3], "int"), name=(b"b.jpg", "byte"), image=image),
        example(image=(b"", "byte")),
    ]
    path = tmp_path / "x.record"
    path.write_bytes(b"".join(framed(message) for message in messages))
    wanted = frozenset({"image", "label", "name"})

    def found(rows: Iterable[Record]) -> list[Any]:
        facts = []
        for row in rows:
            known = features(row.data, wanted)
            texts = [bytes(row.data[a:b]) for a, b in known["name"].spans] if "name" in known else []
            facts.append((row.number, row.offset, len(row.data), known, texts, feature_names(row.data)))
        return facts

    with pytest.MonkeyPatch.context() as patch:
        read: list[int] = []
        inner = LocalBytes.read_at

        def count(file: LocalBytes, offset: int, size: int) -> bytes:
            read.append(size)
            return inner(file, offset, size)

        patch.setattr(LocalBytes, "read_at", count)
        heads = found(record_heads(path))
    assert heads == found(records(path))
    assert sum(read) < 50_000 < path.stat().st_size / 8


def test_a_flipped_byte_of_a_length_is_found_without_the_data(tmp_path: Path) -> None:
    good = framed(bytes(5000)) + framed(b"x" * 20)
    for position in (*range(12), *range(5016, 5028)):
        data = bytearray(good)
        data[position] ^= 1 << position % 8
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(SourceFault, match=r"record [01] at byte (0|5016) "):
            list(record_heads(tmp_path / "x"))


def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(framed(bytes(90_000)))
    heads = record_heads(path)
    record = next(heads)
    os.truncate(path, 5000)
    with pytest.raises(SourceFault, match=r"(?s)cannot read.*cut while"), reading(path):
        record.data[80_000:80_004]


def test_every_truncation_inside_a_record_is_found(tmp_path: Path) -> None:
    good = framed(b"1234567") + framed(b"")
    for length in [*range(1, 23), *range(24, len(good))]:
        (tmp_path / "x").write_bytes(good[:length])
        for read in (records, record_heads):
            with pytest.raises(SourceFault, match="ends inside"):
                list(read(tmp_path / "x"))


@pytest.mark.parametrize("length", [1 << 60, (1 << 64) - 1, MAX_RECORD_BYTES + 1, 1000])
def test_impossible_lengths_with_a_right_checksum(tmp_path: Path, length: int) -> None:
    head = struct.pack("<Q", length)
    (tmp_path / "x").write_bytes(head + struct.pack("<L", masked_crc32c(head)) + bytes(100))
    tracemalloc.start()
    with pytest.raises(SourceFault, match="record 0 at byte 0"):
        list(records(tmp_path / "x"))
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_compressed_file_is_named_as_such(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "x").write_bytes(gzip.compress(framed(b"123")))
    with pytest.raises(SourceFault, match="gzip-compressed"):
        list(records(tmp_path / "x"))


@pytest.mark.slow
def test_deep_and_huge_messages() -> None:
    deep = b""
    for _ in range(2000):
        size = len(deep)
        deep = b"\x0a" + bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14]) + deep
    features(deep, frozenset("a"))
    wide = b"\x0a\x00" * (MAX_FIELDS + 1)
    with pytest.raises(ValueError, match="more than"):
        features(wide, frozenset("a"))
    with pytest.raises(ValueError, match="more than"):
        features(b"\x0a" + b"\xfc\xff\x3f" + b"\x0a\x00" * ((1 << 20) - 2), frozenset("a"))


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\x7f",
        b"\x0b",
        b"\x0c",
        b"\x0f",
        b"\xff" * 11,
        b"\x0a" + b"\xff" * 9 + b"\x01",
        b"\x02\x00",
    ],
)
def test_malformed_messages(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        features(data, frozenset("a"))


def test_an_integer_list_of_megabytes_is_refused() -> None:
    data = bytes(example(label=([1] * (MAX_FIELDS + 1), "int")))
    with pytest.raises(ValueError, match="more than"):
        features(data, frozenset({"label"}))
    assert features(data, frozenset({"other"})) == {}


def test_the_mask_by_hand() -> None:
    # 0xE3069283 rotated right by 15 bits is 0x2507C60D; plus 0xA282EAD8.
    assert masked_crc32c(b"123456789") == 0xC78AB0E5
