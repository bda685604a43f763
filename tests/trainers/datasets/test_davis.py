"""DAVIS's layouts, and what is missing from one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from davis_kit import FRAMES, make_davis, truth

from maskgen.errors import SourceFault, UsageError
from maskgen.trainers.datasets.davis import open_davis
from maskgen.trainers.datasets.index_png import write_indices


def test_the_clips_of_a_list_in_its_order(tmp_path: Path) -> None:
    root = make_davis(tmp_path, ("walk", "camel", "unlisted"))
    clips = open_davis(root)
    assert [clip.name for clip in clips] == ["walk", "camel"]
    assert [path.name for path in clips[0].frames] == [f"{n:05d}.jpg" for n in range(FRAMES)]
    assert np.array_equal(clips[1].truth(3), truth(3))
    assert clips[0].objects() == 2
    assert clips[0].fingerprint() != clips[1].fingerprint()


def test_without_lists_and_resolution_all_clips_are_taken(tmp_path: Path) -> None:
    root = make_davis(tmp_path / "made", ("b", "a"))
    (tmp_path / "plain").mkdir()
    for kind in ("JPEGImages", "Annotations"):
        (root / kind / "480p").rename(tmp_path / "plain" / kind)
    assert [clip.name for clip in open_davis(tmp_path / "plain")] == ["a", "b"]


@pytest.mark.slow
def test_the_single_objects_of_davis_2016(shared_data: Path) -> None:
    clips = open_davis(shared_data / "eval" / "davis2016")
    assert [clip.name for clip in clips] == ["blackswan", "camel", "dance-twirl", "soapbox"]
    assert {clip.objects() for clip in clips} == {1}
    assert {len(clip.frames) for clip in clips} == {25}


def test_what_does_not_count_is_no_object(tmp_path: Path) -> None:
    root = make_davis(tmp_path, ("a", "b"))
    numbers = truth(2)
    numbers[:4] = 255
    write_indices(root / "Annotations" / "480p" / "a" / "00002.png", numbers)
    assert open_davis(root)[0].objects() == 2


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no JPEGImages beside Annotations"):
        open_davis(tmp_path)
    root = make_davis(tmp_path, ("a", "b"))
    with pytest.raises(UsageError, match="no split 'test-dev'"):
        open_davis(root, "test-dev")
    (root / "Annotations" / "480p" / "b" / "00003.png").unlink()
    with pytest.raises(SourceFault, match="6 frames and 5 annotations"):
        open_davis(root)
    listed = root / "ImageSets" / "2017" / "val.txt"
    for text in ("", "../a\n"):
        listed.write_text(text)
        with pytest.raises(UsageError, match="no clips are named"):
            open_davis(root)
    listed.write_bytes(b"\xff\xfea")
    with pytest.raises(UsageError, match="cannot read a list of clips"):
        open_davis(root)
    listed.write_text("a\n")
    write_indices(root / "Annotations" / "480p" / "a" / "00000.png", np.zeros((96, 128), np.uint8))
    with pytest.raises(SourceFault, match="no object"):
        open_davis(root)[0].objects()
