"""JFT-like TFRecord sets: names, labels and bytes against the `tfrecord` package; incomplete and damaged
sets.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfrecord import example_pb2
from tfrecord.reader import tfrecord_iterator
from tfrecord.writer import TFRecordWriter

from maskgen.errors import SourceFault, UsageError

Jpeg = Callable[[int], bytes]
Rows = list[dict[str, tuple[Any, str]]]


def write_records(path: Path, rows: Rows) -> None:
    writer = TFRecordWriter(str(path))
    for row in rows:
        writer.write(row)
    writer.close()


def row(image: bytes, label: Any = 3, name: bytes = b"x.jpg") -> dict[str, tuple[Any, str]]:
    return {
        "image/encoded": (image, "byte"),
        "image/class/label": (label, "int"),
        "image/filename": (name, "byte"),
        "noise": ([0.25] * 7, "float"),
    }


@pytest.fixture
def shards(tmp_path: Path, jpeg: Jpeg) -> dict[str, bytes]:
    """Three files of 5, 0 and 4 records, written in another order."""
    data: dict[str, bytes] = {}
    for shard, count in ((2, 4), (0, 5), (1, 0)):
        rows = [row(jpeg(10 * shard + n), n, b"photos\\%d_%d.JPEG" % (shard, n)) for n in range(count)]
        write_records(tmp_path / f"jft-train-{shard:05d}-of-00003", rows)
        data |= {f"{shard}_{n}": jpeg(10 * shard + n) for n in range(count)}
    return dict(sorted(data.items()))


def test_a_set(opened: Any, shards: dict[str, bytes], tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "jft-train-?????-of-00003", tmp_path / "jft*"):
        found = opened("jft", place)
        assert list(found.bytes(order=1).items()) == list(shards.items())
        assert found.labels == {name: int(name[-1]) for name in shards}
        assert found.items[0].path == "jft-train-00000-of-00003#0"
        assert found.source.notes == ["1 file holds no record (first: jft-train-00001-of-00003)"]
    assert len(opened("jft", tmp_path / "jft-train-00002-of-00003").items) == 4


def test_order_does_not_depend_on_the_file_system(
    opened: Any, shards: dict[str, bytes], tmp_path: Path, shuffled_scandir: Callable[[int], None]
) -> None:
    for seed in range(4):
        shuffled_scandir(seed)
        assert opened("jft", tmp_path).names == list(shards)


def refused(opened: Any, place: Path, **options: Any) -> str:
    with pytest.raises(SourceFault) as caught:
        opened("jft", place, **options)
    return str(caught.value)


def test_missing_members_are_named(opened: Any, shards: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "jft-train-00001-of-00003").unlink()
    message = refused(opened, tmp_path)
    assert "1 of the set's 3 files are missing" in message
    assert "jft-train-00001-of-00003" in message
    (tmp_path / "jft-train-00002-of-00003").rename(tmp_path / "jft-train-00007-of-00003")
    assert "numbered 7 in a set of 3" in refused(opened, tmp_path)


@pytest.mark.parametrize("extension", [".tfrecord", ".tfrecords", ".record"])
def test_a_set_with_an_extension(opened: Any, tmp_path: Path, extension: str) -> None:
    for shard in range(3):
        write_records(tmp_path / f"a-{shard:05d}-of-00003{extension}", [row(b"1", 1, b"%d" % shard)])
    write_records(tmp_path / f"extra{extension}", [row(b"2")])
    found = opened("jft", tmp_path)
    assert found.names == ["0", "1", "2"]
    assert found.source.notes == [f"1 file beside the set was left out (first: extra{extension})"]
    (tmp_path / f"a-00001-of-00003{extension}").unlink()
    assert f"a-00001-of-00003{extension}" in refused(opened, tmp_path)


def test_a_set_of_a_billion_files(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "x-00000-of-999999999").touch()
    message = refused(opened, tmp_path)
    assert "999999998 of the set's 999999999 files are missing" in message
    assert "x-00001-of-999999999" in message


def test_two_sets_are_told_apart_by_the_split(opened: Any, tmp_path: Path) -> None:
    for name in ("train-00000-of-00001", "validation-00000-of-00001"):
        write_records(tmp_path / name, [row(b"1", 1, name[:3].encode())])
    assert opened("jft", tmp_path).names == ["tra"]
    assert opened("jft", tmp_path, split="val").names == ["val"]
    (tmp_path / "train-00000-of-00001").rename(tmp_path / "other-00000-of-00001")
    assert "give one of these patterns" in refused(opened, tmp_path)


def test_labels_and_names(opened: Any, tmp_path: Path) -> None:
    rows: Rows = [
        row(b"0", [5, 2, 5], b"a/b/c.png"),
        row(b"1", [7, 7], b""),
        row(b"2", [], b"v1.0"),
        row(b"3", -4, b"\xff.jpg"),
        {"image/encoded": (b"4", "byte"), "image/class/label": (b"dog", "byte")},
        {"image/encoded": ([b"5", b"6"], "byte"), "image/class/label": (0.5, "float")},
        {"other": (b"7", "byte")},
        {"image/encoded": (b"", "byte")},
    ]
    write_records(tmp_path / "x.tfrecords", rows)
    found = opened("jft", tmp_path)
    assert list(found.labels.items()) == [
        ("c", (2, 5)),
        ("x_00000001", 7),
        ("v1.0", None),
        ("\\xff", -4),
        ("x_00000004", None),
        ("x_00000005", None),
        ("x_00000007", None),
    ]
    assert list(found.bytes().values()) == [b"0", b"1", b"2", b"3", b"4", b"5", b""]
    assert found.source.notes == [
        "1 label is bytes, not an integer: unlabelled (first: x.tfrecords#4)",
        "1 record holds several images, of which the first is taken (first: x.tfrecords#5)",
        "1 label is float, not an integer: unlabelled (first: x.tfrecords#5)",
        "1 record without an image was left out (first: x.tfrecords#6)",
    ]


def test_a_wrong_feature_name_lists_the_right_ones(
    opened: Any, shards: dict[str, bytes], tmp_path: Path
) -> None:
    message = refused(opened, tmp_path, image_feature="img")
    assert "image/encoded" in message
    assert "--image-feature" in message


def test_damage_is_named_by_file_record_and_offset(
    opened: Any, shards: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "jft-train-00002-of-00003"
    good = path.read_bytes()
    rng = random.Random(0)
    for _ in range(60):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        message = refused(opened, tmp_path, verify_source=True)
        assert path.name in message
        assert "record " in message
        assert "at byte " in message
    path.write_bytes(good[:-1])
    assert "record 3 at byte" in refused(opened, tmp_path, verify_source=True)


def test_a_record_that_is_no_example(opened: Any, tmp_path: Path) -> None:
    from maskgen.pipelines.sources.containers.tfrecord import masked_crc32c

    def framed(data: bytes) -> bytes:
        head = len(data).to_bytes(8, "little")
        return (
            head
            + masked_crc32c(head).to_bytes(4, "little")
            + data
            + masked_crc32c(data).to_bytes(4, "little")
        )

    (tmp_path / "x.record").write_bytes(framed(b"\xff" * 30))
    assert "record 0 at byte 0 is no tf.train.Example" in refused(opened, tmp_path)


def test_nothing_there(opened: Any, tmp_path: Path) -> None:
    assert "no TFRecord file here" in refused(opened, tmp_path)
    assert "no TFRecord file here" in refused(opened, tmp_path / "a-*")
    with pytest.raises(UsageError, match="not there"):
        opened("jft", tmp_path / "absent" / "a-*")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["data", "data/test.record", "data/*.record"])
def test_real_raccoons(opened: Any, shared_data: Path, place: str) -> None:
    path = shared_data / "raccoon_200" / "data" / "test.record"
    index = None
    truth = {}
    for raw in tfrecord_iterator(str(path), index):
        feature = example_pb2.Example.FromString(bytes(raw)).features.feature
        name = feature["image/filename"].bytes_list.value[0].decode()
        labels = sorted(set(feature["image/object/class/label"].int64_list.value))
        truth[Path(name).stem] = (
            labels[0] if len(labels) == 1 else tuple(labels),
            feature["image/encoded"].bytes_list.value[0],
        )
    found = opened("jft", shared_data / "raccoon_200" / place, label_feature="image/object/class/label")
    assert len(found.items) == len(truth) == 40
    assert found.labels == {name: label for name, (label, _) in truth.items()}
    assert found.bytes() == {name: data for name, (_, data) in truth.items()}


def test_files_in_a_folder_below(opened: Any, shards: dict[str, bytes], tmp_path: Path) -> None:
    """As TensorFlow Datasets nests them: name/version/name-split-?????-of-?????."""
    inner = tmp_path / "set" / "5.1.0"
    inner.mkdir(parents=True)
    for file in [one for one in tmp_path.iterdir() if one.is_file()]:
        file.rename(inner / file.name)
    for place in (tmp_path / "set", tmp_path):
        below = opened("jft", place)
        assert list(below.bytes().items()) == list(shards.items())
        assert "1 folder below the input is read" in below.source.notes[0]
    write_records(tmp_path / "set" / "4.0.0.tfrecord", [])
    assert "no" in refused(opened, tmp_path / "set" / "x-*")
    (tmp_path / "set" / "4.0.0").mkdir()
    (tmp_path / "set" / "4.0.0.tfrecord").rename(tmp_path / "set" / "4.0.0" / "x.tfrecord")
    assert "2 folders hold TFRecord files" in refused(opened, tmp_path / "set")


def test_files_by_braces(opened: Any, shards: dict[str, bytes], tmp_path: Path) -> None:
    assert opened("jft", tmp_path / "jft-train-{00001..00002}-of-00003").names == list(shards)[5:]
    assert "00007" in refused(opened, tmp_path / "jft-train-{00002..00007}-of-00003")
