"""Pictures in the order of their paths, and sets that are not whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from robust_kit import write_classes, write_picture

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import images_of_folder
from maskgen.trainers.evaluations.robust.sets.pictures import Layout, Pictures, require_whole

LAYOUT = Layout("8 pictures in 4 folders", 8, 4)


def test_pictures_are_those_of_the_folders_of_classes(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "set")
    (folder / "README.txt").write_text("no picture")
    found, other = Pictures.below(folder), images_of_folder(folder)
    assert len(found) == len(other) == 8
    assert found.folders == [other.names[label] for label in other.labels.tolist()]
    assert all((found.images().read(n) == other.read(n)).all() for n in range(8))


def test_a_change_of_the_pixels_and_of_the_files_changes_the_fingerprint(tmp_path: Path) -> None:
    found = Pictures.below(write_classes(tmp_path / "set"))
    plain = found.images()
    black = found.images(change=lambda image, path: np.zeros_like(image), mark="black")
    assert black.read(0).max() == 0 < plain.read(0).max()
    assert black.fingerprint != plain.fingerprint
    write_picture(tmp_path / "set" / "new" / "one.png", 5)
    assert Pictures.below(tmp_path / "set").images().fingerprint != plain.fingerprint
    assert found.take([1, 0]).paths == found.paths[1::-1]


def test_a_set_that_is_not_whole_names_what_a_whole_one_is(tmp_path: Path) -> None:
    found = Pictures.below(write_classes(tmp_path / "set"))
    require_whole(found, "a", LAYOUT, partial=False)
    part = found.take(range(7))
    require_whole(part, "a", LAYOUT, partial=True)
    with pytest.raises(UsageError, match="7 pictures in 4 folders") as refusal:
        require_whole(part, "a", LAYOUT, partial=False)
    assert "8 pictures in 4 folders, or --partial" in str(refusal.value)
    for partial in (True, False):
        with pytest.raises(UsageError, match="a is not the whole set: 0 pictures") as refusal:
            require_whole(Pictures.below(tmp_path / "nowhere"), "a", LAYOUT, partial=partial)
        assert "--partial" not in str(refusal.value)
