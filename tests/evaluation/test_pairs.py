"""Masks find their truths, and what is left over is named."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from mask_files import grid, half, paired, write

from maskgen.errors import UsageError
from maskgen.evaluation import pairs
from maskgen.evaluation.reading import Blob


def test_folders_pair_by_stem_whatever_the_ending(tmp_path: Path) -> None:
    masks = write(tmp_path / "masks", b=grid(0), a=grid(1))
    (tmp_path / "masks" / "sub").mkdir()
    cv2.imwrite(str(masks / "sub" / "c.JPG"), grid(2))
    (masks / "notes.txt").write_text("no mask")
    (masks / ".hidden.png").write_bytes(b"")
    truth = write(tmp_path / "truth", a=half(), b=half(), c=half())
    found = paired(masks, truth)
    assert [pair.name for pair in found.pairs] == ["a", "b", "c"]
    assert [Path(pair.entries[0].mask.file).name for pair in found.pairs] == ["a.png", "b.png", "c.JPG"]
    assert found.lone_masks == ((),)
    assert found.lone_truths == ()


def test_left_overs_are_named_both_ways(tmp_path: Path) -> None:
    masks = write(tmp_path / "masks", a=grid(0), **{f"m{n}": grid(n) for n in range(7)})
    truth = write(tmp_path / "truth", a=half(), t=half())
    found, sets = paired(masks, truth), [pairs.open_masks(masks)]
    with pytest.raises(UsageError) as caught:
        pairs.require_pairs(found, sets, truth, allow_missing=False)
    text = str(caught.value)
    assert "7 masks without truth" in text
    assert "(m0, m1, m2, m3, m4, ...)" in text
    assert "1 truth without mask" in text
    assert "(t)" in text
    assert "--allow-missing" in text
    pairs.require_pairs(found, sets, truth, allow_missing=True)


def test_no_pair_at_all_is_an_error_even_if_missing_is_allowed(tmp_path: Path) -> None:
    masks, truth = write(tmp_path / "masks", a=grid(0)), write(tmp_path / "truth", b=half())
    with pytest.raises(UsageError, match="no truth has a mask"):
        pairs.require_pairs(paired(masks, truth), [pairs.open_masks(masks)], truth, allow_missing=True)


@pytest.mark.parametrize(
    ("masks", "truths", "ending"),
    [
        (("1_mask", "2_mask", "3_mask"), ("1", "2", "3"), "_mask"),
        (("1", "2"), ("1_gt", "2_gt"), "_gt"),
        (("1_rbd", "2_mr", "30_sf"), ("1", "2", "30"), ""),
        (("a", "b"), ("c", "d"), ""),
    ],
)
def test_a_common_ending_of_the_names_is_found(
    tmp_path: Path, masks: tuple[str, ...], truths: tuple[str, ...], ending: str
) -> None:
    write(tmp_path / "m", **dict.fromkeys(masks, half()))
    write(tmp_path / "t", **dict.fromkeys(truths, half()))
    sets = [pairs.open_masks(tmp_path / "m")]
    found = pairs.pair(pairs.open_truths(tmp_path / "t"), sets)
    with pytest.raises(UsageError) as caught:
        pairs.require_pairs(found, sets, tmp_path / "t", allow_missing=False)
    assert caught.value.what == "no truth has a mask"
    assert ("rename the files without" in caught.value.remedy) == bool(ending)
    assert repr(ending) in caught.value.remedy or not ending


def test_only_what_every_set_has_is_paired(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=half(), b=half(), c=half())
    sets = [
        pairs.open_masks(write(tmp_path / "one", a=grid(0), b=grid(1))),
        pairs.open_masks(write(tmp_path / "two", b=grid(2), c=grid(3), d=grid(4))),
    ]
    found = pairs.pair(pairs.open_truths(truth), sets)
    assert [pair.name for pair in found.pairs] == ["b"]
    assert ("one" in found.pairs[0].entries[0].mask.file, "two" in found.pairs[0].entries[1].mask.file) == (
        True,
        True,
    )
    assert found.lone_masks == ((), ("d",))
    assert found.lone_truths == ("a", "c")


def test_a_mask_goes_by_its_key_before_its_file_name() -> None:
    truths = {name: Blob(f"{name}.png") for name in ("x", "x_12ab")}
    entries = [
        pairs.MaskEntry(("x",), Blob("1")),
        pairs.MaskEntry(("x_12ab", "x"), Blob("2")),
        pairs.MaskEntry(("y", "z"), Blob("3")),
    ]
    found = pairs.pair(truths, [pairs.MaskSet("set", tuple(entries))])
    assert [pair.entries[0].mask.file for pair in found.pairs] == ["1", "2"]
    assert found.lone_masks == (("y",),)
    with pytest.raises(UsageError, match="two masks belong to the truth 'x'"):
        pairs.pair({"x": truths["x"]}, [pairs.MaskSet("set", tuple(entries))])


def test_a_file_names_the_truths_that_count(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("b\n\nfolder/c.png\n")
    truths = pairs.open_truths(write(tmp_path / "truth", a=half(), b=half(), c=half()))
    assert list(pairs.take_named(truths, names)) == ["b", "c"]
    names.write_text("b\nd.png\n")
    with pytest.raises(UsageError, match="1 of the names are no truths: d in"):
        pairs.take_named(truths, names)
    names.write_text("\n")
    with pytest.raises(UsageError, match="names no truth"):
        pairs.take_named(truths, names)
