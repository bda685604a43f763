from __future__ import annotations

import hashlib
import resource
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.atomic import PartialFile
from maskgen.pipelines.draft import Draft, existing_folder


def test_a_draft_has_no_name_until_it_is_copied_to_a_file(tmp_path: Path) -> None:
    with Draft(tmp_path) as draft:
        for part in (b"of ", b"the source"):
            draft.write(part)
        assert (draft.tell(), draft.sha256) == (13, hashlib.sha256(b"of the source").hexdigest())
        assert (draft.read_at(3, 3), draft.read_at(7, 99), draft.read_at(99, 1)) == (b"the", b"source", b"")
        assert list(tmp_path.iterdir()) == []
        with PartialFile(tmp_path / "named") as file:
            draft.copy_to(file)
            file.publish()
    assert (tmp_path / "named").read_bytes() == b"of the source"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Draft(tmp_path) as draft:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(EnvironmentFault, match="File too large"):
                draft.write(b"x" * 2000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_nearest_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert existing_folder(tmp_path) == existing_folder(Path("a/b")) == tmp_path
    (tmp_path / "file").touch()
    for path in ("file", "file/b"):
        with pytest.raises(UsageError, match=r"(?s)cannot make the output folder.*in the way.*Next: choose"):
            existing_folder(tmp_path / path)
