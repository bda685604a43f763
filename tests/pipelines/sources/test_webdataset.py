"""Existing shards: grouping against the webdataset library, labels, and hostile tars."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive_kit import tar_of
from webdataset.tariterators import group_by_keys, tar_file_expander

from maskgen.errors import SourceFault

Jpeg = Callable[[int], bytes]


def tar(path: Path, files: list[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT) -> Path:
    data = tar_of(files, form)
    path.write_bytes(gzip.compress(data) if path.suffix in (".gz", ".tgz") else data)
    return path


def peer(path: Path) -> dict[str, dict[str, bytes]]:
    opener = gzip.open if path.suffix in (".gz", ".tgz") else open
    with opener(path, "rb") as file:
        samples = list(group_by_keys(tar_file_expander([{"url": path.name, "stream": file}])))
    return {s["__key__"]: {k: v for k, v in s.items() if not k.startswith("__")} for s in samples}


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_samples_equal_webdatasets(opened: Any, tmp_path: Path, jpeg: Jpeg, suffix: str, form: int) -> None:
    files = []
    for n in range(12):
        key = f"{'deep/' * (n % 3)}{n:04d}"
        image = (f"{key}.{('jpg', 'JPEG', 'png', 'webp')[n % 4]}", jpeg(n))
        files += [
            (f"{key}.cls", b"%d\n" % (n * 3)),
            image,
            (f"{key}.mask.png", b"mask"),
            (f"{key}.json", b"{}"),
        ]
    path = tar(tmp_path / f"x{suffix}", files, form)
    samples = peer(path)
    for place in (path, tmp_path):
        found = opened("webdataset", place)
        assert found.source.names_are_keys
        assert found.names == list(samples)
        images = {k: next(s[e] for e in ("jpg", "jpeg", "png", "webp") if e in s) for k, s in samples.items()}
        assert found.bytes() == images
        assert found.bytes(order=2) == images
        assert found.labels == {key: int(sample["cls"]) for key, sample in samples.items()}


def test_a_folder_of_shards_in_order(
    opened: Any, tmp_path: Path, jpeg: Jpeg, shuffled_scandir: Callable[[int], None]
) -> None:
    for shard in (2, 0, 1):
        suffix = (".tar", ".tgz", ".tar.gz")[shard]
        tar(
            tmp_path / f"s-{shard}{suffix}",
            [(f"{9 - shard}_{n}.jpg", jpeg(shard * 10 + n)) for n in range(3)],
        )
    (tmp_path / "s-0.idx").write_text("v1.2 0\n")
    for seed in range(3):
        shuffled_scandir(seed)
        found = opened("webdataset", tmp_path)
        assert found.names == [f"{9 - shard}_{n}" for shard in range(3) for n in range(3)]
        assert found.bytes(order=seed) == {
            f"{9 - s}_{n}": jpeg(s * 10 + n) for s in range(3) for n in range(3)
        }


def test_shards_by_a_pattern(opened: Any, tmp_path: Path, jpeg: Jpeg) -> None:
    for shard in range(4):
        tar(tmp_path / f"s-{shard:02d}.tar", [(f"k{shard}.jpg", jpeg(shard))])
    assert opened("webdataset", tmp_path / "s-{01..03}.tar").names == ["k1", "k2", "k3"]
    found = opened("webdataset", tmp_path / "s-0[02].tar")
    assert found.bytes() == {"k0": jpeg(0), "k2": jpeg(2)}
    with pytest.raises(SourceFault, match=r"s-04\.tar"):
        opened("webdataset", tmp_path / "s-{00..04}.tar")


def test_the_first_image_by_extension(opened: Any, tmp_path: Path) -> None:
    path = tar(
        tmp_path / "x.tar",
        [("a.webp", b"w"), ("a.png", b"p"), ("a.jpeg", b"j"), ("b.png", b"q"), ("b.mask.jpg", b"m")],
    )
    assert opened("webdataset", path).bytes() == {"a": b"j", "b": b"q"}


LABELS: dict[str, tuple[list[tuple[str, bytes]], Any]] = {
    "cls": ([("cls", b"12")], 12),
    "negative": ([("cls", b"-1\n")], -1),
    "cls first": ([("json", b'{"label": 3}'), ("cls", b"4")], 4),
    "json": ([("json", b'{"label": 3, "x": []}')], 3),
    "json list": ([("json", b'{"label": [5, 3]}')], (5, 3)),
    "json text": ([("json", b'{"label": "dog"}')], None),
    "json boolean": ([("json", b'{"label": true}')], None),
    "json mixed": ([("json", b'{"label": [1, null]}')], None),
    "json array": ([("json", b"[1]")], None),
    "json broken": ([("json", b'{"label": ')], None),
    "json deep": ([("json", b"[" * 100_000)], None),
    "json bytes": ([("json", b"\xff\xfe\x00")], None),
    "json digits": ([("json", b'{"label": ' + b"9" * 10_000 + b"}")], None),
    "cls text": ([("cls", b"cat")], None),
    "cls empty": ([("cls", b"")], None),
    "cls digits": ([("cls", b"9" * 5000)], None),
    "cls other digits": ([("cls", "٣".encode())], None),
    "cls pickle": ([("cls", b"cos\nsystem\n(S'touch pwned'\ntR.")], None),
    "none": ([], None),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels(opened: Any, tmp_path: Path, case: str) -> None:
    parts, expected = LABELS[case]
    path = tar(
        tmp_path / "x.tar", [("a.jpg", b"1"), *[(f"a.{extension}", data) for extension, data in parts]]
    )
    found = opened("webdataset", path)
    assert found.labels == {"a": expected}
    assert type(found.labels["a"]) is type(expected)
    noted = any("no integer label" in note for note in found.source.notes)
    assert noted == (expected is None and bool(parts))


def test_what_is_left_out(opened: Any, tmp_path: Path) -> None:
    names = ["README", ".hidden.jpg", "a.txt", "b.jpg", "folder/.x.png", "c.pkl", "./d.jpg"]
    found = opened("webdataset", tar(tmp_path / "x.tar", [(name, name.encode()) for name in names]))
    assert found.bytes() == {"b": b"b.jpg", "d": b"./d.jpg"}
    assert found.source.notes == [
        "3 tar members that are no files of a sample were left out (first: x.tar/README)",
        "2 samples without a jpg, jpeg, png or webp were left out (first: x.tar/a)",
    ]


def test_a_sparse_photo_is_left_out_with_the_way_to_have_it(opened: Any, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as file:
        for name, headers in (("./GNUSparseFile.7/a.jpg", {"GNU.sparse.name": "a.jpg"}), ("b.jpg", {})):
            info = tarfile.TarInfo(name)
            info.pax_headers = headers
            file.addfile(info)
    found = opened("webdataset", tmp_path / "x.tar")
    assert found.names == ["b"]
    (note,) = found.source.notes
    assert note.startswith("1 tar member stored as a sparse file was left out; write the tar again without")
    assert note.endswith("(first: x.tar/a.jpg)")


def test_links_are_never_followed(opened: Any, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        for name, kind in (
            ("a.jpg", tarfile.SYMTYPE),
            ("b.jpg", tarfile.LNKTYPE),
            ("c.jpg", tarfile.CHRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            file.addfile(info)
        file.addfile(tarfile.TarInfo("d.jpg"))
    found = opened("webdataset", tmp_path)
    assert found.names == ["d"]
    assert found.source.notes[0].startswith("3 tar members that are no files")


HOSTILE = {
    "../x.jpg": "outside",
    "a/../../x.jpg": "outside",
    "/etc/x.jpg": "outside",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_leave_the_archive(opened: Any, tmp_path: Path, name: str) -> None:
    tar(tmp_path / "x.tar", [("ok.jpg", b"1"), (name, b"2")])
    with pytest.raises(SourceFault, match=HOSTILE[name]):
        opened("webdataset", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.tar"]


def test_equal_members_of_a_sample(opened: Any, tmp_path: Path) -> None:
    tar(tmp_path / "x.tar", [("a.jpg", b"1"), ("a.cls", b"1"), ("a.JPG", b"2")])
    with pytest.raises(SourceFault, match=r"two members \.jpg"):
        opened("webdataset", tmp_path)


def test_a_sample_of_thousands_of_members(opened: Any, tmp_path: Path) -> None:
    tar(tmp_path / "x.tar", [(f"a.{n}", b"") for n in range(2000)])
    with pytest.raises(SourceFault, match="more than 1000 members"):
        opened("webdataset", tmp_path)


def test_large_label_files_are_not_read(opened: Any, tmp_path: Path) -> None:
    big = json.dumps({"label": 1, "pad": "x" * (2 << 20)}).encode()
    found = opened("webdataset", tar(tmp_path / "x.tar", [("a.jpg", b"1"), ("a.json", big)]))
    assert found.labels == {"a": None}


@pytest.mark.parametrize("suffix", [".tar", ".tgz"])
def test_truncated_shards(opened: Any, tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    path = tar(tmp_path / f"x{suffix}", [(f"{n}.jpg", rng.bytes(1000)) for n in range(10)])
    data = path.read_bytes()
    body = 10 * 1536 if suffix == ".tar" else len(data) - 1
    for length in range(0, body, 509):
        path.write_bytes(data[:length])
        with pytest.raises(SourceFault, match="truncated"):
            opened("webdataset", tmp_path)


def test_no_shard_here(opened: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match=r"no \.tar"):
        opened("webdataset", tmp_path)


def test_gzip_without_its_name(opened: Any, tmp_path: Path, jpeg: Jpeg) -> None:
    path = tar(tmp_path / "x.tgz", [("a.jpg", jpeg(1))])
    assert opened("webdataset", path.rename(tmp_path / "y.tar")).bytes() == {"a": jpeg(1)}


def test_real_sample(opened: Any, shared_data: Path) -> None:
    path = shared_data / "webdataset_tars" / "testdata" / "sample.tgz"
    found = opened("webdataset", path)
    samples = peer(path)
    assert len(found.items) == len(samples) == 90
    assert found.bytes(order=1) == {key: sample["png"] for key, sample in samples.items()}
    assert found.labels == {key: int(sample["cls"]) for key, sample in samples.items()}
