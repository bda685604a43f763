"""Names given only where nothing has them: by links, by renames, and on an image that has neither."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault
from maskgen.io import exclusive
from maskgen.io.exclusive import create_name


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old"
    path.write_bytes(b"new content")
    return path


def test_a_link_keeps_both_names_and_spares_what_is_there(old: Path) -> None:
    create_name(old, old.with_name("new"))
    assert old.samefile(old.with_name("new"))
    old.with_name("taken").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        create_name(old, old.with_name("taken"))
    assert old.with_name("taken").read_bytes() == b"theirs"


def test_without_links_the_kernel_renames_and_spares_what_is_there(old: Path, without_links: None) -> None:
    old.with_name("taken").write_bytes(b"theirs")
    with pytest.raises(FileExistsError) as caught:
        create_name(old, old.with_name("taken"))
    assert caught.value.errno == errno.EEXIST
    assert (old.read_bytes(), old.with_name("taken").read_bytes()) == (b"new content", b"theirs")
    create_name(old, old.with_name("new"))
    assert not old.exists()
    assert old.with_name("new").read_bytes() == b"new content"


def test_other_errors_of_the_disk_are_not_taken_for_missing_links(old: Path, without_links: None) -> None:
    with pytest.raises(FileNotFoundError):
        create_name(old, old.with_name("no-folder") / "new")


def test_a_rename_without_its_flag_is_a_plain_statement(
    old: Path, without_links: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusive, "_RENAME_NOREPLACE", 1 << 20)  # no such flag: EINVAL, as FUSE answers
    with pytest.raises(EnvironmentFault, match="neither hard links nor a rename"):
        create_name(old, old.with_name("new"))
    assert old.exists()
    assert not old.with_name("new").exists()


@pytest.fixture
def vfat(tmp_path: Path) -> Iterator[Path]:
    """A vfat image mounted by FUSE, which has neither links nor renames with flags."""
    if not shutil.which("fusefat") or not shutil.which("mkfs.vfat") or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("no fusefat, no mkfs.vfat or no /dev/fuse here")
    image, place = tmp_path / "image", tmp_path / "vfat"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    for command in (["mkfs.vfat", str(image)], ["fusefat", "-o", "rw+", str(image), str(place)]):
        subprocess.run(command, check=True, capture_output=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_real_vfat_image_by_fuse_is_refused_and_left_as_it_was(vfat: Path) -> None:
    (vfat / "old").write_bytes(b"content")
    with pytest.raises(EnvironmentFault, match="another file system"):
        create_name(vfat / "old", vfat / "new")
    assert [path.name for path in vfat.iterdir()] == ["old"]
