"""Where photos lie: by the paths of the tables, or by key among tars that were renamed."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_store import FaultyStore
from photo_folders import (
    LAYOUTS,
    Original,
    archive,
    expected,
    in_tars,
    originals,
    photo,
    read_all,
    write_originals,
    write_sidecar,
)

from maskgen.errors import MaskgenError, ShardFault, UsageError
from maskgen.loaders.dataset.find_originals import files_of
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.samples import SampleReader


def test_order_of_the_originals_does_not_matter(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", photos[::-1])
    assert read_all(write_sidecar(tmp_path / "s", photos), tmp_path / "o", check_hashes=True) == expected(
        photos
    )


def test_renamed_and_redistributed_tars_are_joined_by_key(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    moved = [replace(one, path=f"new/x{i % 3}.tar/{one.key}.jpg") for i, one in enumerate(photos)]
    write_originals(tmp_path / "o", [*moved, *originals(3, lambda i: (f"q{i}", f"new/extra.tar/q{i}.jpg"))])
    assert read_all(write_sidecar(tmp_path / "s", photos), tmp_path / "o", check_hashes=True) == expected(
        photos
    )


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["files", "tars in a tar", "renamed"])
def test_originals_at_an_address_are_found_and_read(
    tmp_path: Path, layout: str, faulty_store: FaultyStore
) -> None:
    photos = originals(12, LAYOUTS.get(layout, in_tars))
    lie = [replace(one, path=f"new/x{i % 3}.tar/{one.key}.jpg") for i, one in enumerate(photos)]
    write_originals(tmp_path / "o", lie if layout == "renamed" else photos)
    faulty_store.upload(tmp_path / "o", "o")
    shards = write_sidecar(tmp_path / "s", photos)
    assert read_all(shards, "s3://bucket/o", check_hashes=True) == expected(photos)
    with pytest.raises(UsageError, match="the folder of the originals is not there: s3://bucket/gone"):
        open_dataset(shards, photos="s3://bucket/gone")
    dataset = open_dataset(shards, photos="s3://bucket/o")
    faulty_store.objects = {key: data[:-99999] for key, data in faulty_store.objects.items()}
    with pytest.raises(MaskgenError, match="not the one that its mask was made from"):
        SampleReader(dataset, ("jpg",)).take(np.arange(12), ("jpg",))


def test_files_agrees_with_tarfile_on_odd_archives(tmp_path: Path) -> None:
    """Folders, links, empty files, PAX and GNU names, a global header, blocks after the end."""
    for number, kind in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(
            path, "w", format=kind, pax_headers={"comment": "x"} if number == 2 else None
        ) as tar:
            for name in (
                "./a.jpg",
                "d/",
                "d/ü.jpg" if number else "d/u.jpg",
                "x" * 99,
                f"{'y' * 90}/{'z' * 60}",
                "e",
            ):
                info = tarfile.TarInfo(name.rstrip("/"))
                if name.endswith("/"):
                    info.type = tarfile.DIRTYPE
                    tar.addfile(info)
                    continue
                info.size, info.mtime = len(name) * 97 if name != "e" else 0, 3.5 if number == 2 else 3
                tar.addfile(info, io.BytesIO(bytes(info.size)))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "a.jpg"
            tar.addfile(link)
        with tarfile.open(path) as tar:
            files = [(m.name.removeprefix("./"), m.offset_data, m.size) for m in tar if m.isreg()]
        assert [(m.name, m.offset, m.size) for m in files_of(path)] == files
        assert len(files) == 5


@pytest.mark.slow
def test_files_of_an_archive_cut_anywhere(tmp_path: Path) -> None:
    """Behind a whole content the other members are simply missing; anywhere else it is an error."""
    path = tmp_path / "a.tar"
    data = archive({"a.jpg": bytes(4000), "b.jpg": bytes(4000)}, tarfile.USTAR_FORMAT)
    path.write_bytes(data)
    members = list(files_of(path))
    whole_until = [(0, 0), *((m.offset + m.size, m.offset + m.size + -m.size % 512) for m in members)]
    for length in (*range(0, whole_until[-1][1] + 1, 13), *(end for pair in whole_until for end in pair)):
        path.write_bytes(data[:length])
        held = [n for n, (content, padded) in enumerate(whole_until) if content <= length <= padded]
        if held:
            assert list(files_of(path)) == members[: held[0]]
        else:
            with pytest.raises(ShardFault, match=r"(?s)a\.tar.*truncated"):
                list(files_of(path))


def test_files_of_a_damaged_header(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    data = archive({"a.jpg": bytes(4000)}, tarfile.USTAR_FORMAT)
    for offset in range(1024, 1024 + 345, 5):
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :])
        with pytest.raises(ShardFault, match=r"(?s)a\.tar.*byte 1024"):
            list(files_of(path))


def test_a_missing_photo_is_named(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", [one for one in photos if one.key != "p006"])
    with pytest.raises(ShardFault, match=r"p006: part-1\.tar/p006\.jpg"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    for tar in (tmp_path / "o").glob("*.tar"):
        tar.rename(tar.with_name("x" + tar.name))
    with pytest.raises(ShardFault, match="p006 in 11 photos of 3 tars"):
        open_dataset(tmp_path / "s", photos=tmp_path / "o")


@pytest.mark.timeout(60)
def test_a_tar_that_has_become_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.tar")
    with pytest.raises(ShardFault, match=r"(?s)cannot read a tar of photos.*x\.tar.*not a regular file"):
        list(files_of(tmp_path / "x.tar"))


@pytest.mark.parametrize("folder", ["empty", "other"])
def test_another_folder(tmp_path: Path, folder: str) -> None:
    photos = originals(6, in_tars)
    (tmp_path / "empty").mkdir()
    write_originals(tmp_path / "other", originals(6, lambda i: (f"q{i}", f"other.tar/q{i}.jpg")))
    with pytest.raises(ShardFault, match=r"originals"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be a folder"):
        open_dataset(write_sidecar(tmp_path / "s", originals(2, in_tars)), photos=tmp_path / "nowhere")


def test_two_photos_of_one_key(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    twice = [replace(one, path=f"{name}.tar/{one.key}.jpg") for one in photos for name in ("a", "b")]
    write_originals(tmp_path / "o", twice)
    with pytest.raises(ShardFault, match=r"two photos have one key: p000 in a\.tar and b\.tar"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/hostname", "t.tar/../x.jpg", "a//b.jpg", "."])
def test_a_path_that_leaves_the_folder(tmp_path: Path, path: str) -> None:
    one = Original("p", path, *photo(0))
    (tmp_path / "o").mkdir()
    (tmp_path / "secret.jpg").write_bytes(one.data)
    with pytest.raises(ShardFault, match="leaves the folder"):
        open_dataset(write_sidecar(tmp_path / "s", [one]), photos=tmp_path / "o")
