"""Names pair however the file system spells them, and can be printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from mask_files import coco, half, paired, write

from maskgen.errors import UsageError
from maskgen.evaluation import pairs
from maskgen.evaluation.evaluate import Settings, evaluate


def test_one_name_in_two_spellings_of_unicode_is_one_name(tmp_path: Path) -> None:
    composed, taken_apart = "caf\u00e9", "cafe\u0301"
    masks = write(tmp_path / "m", **{composed: half()})
    truth = write(tmp_path / "t", **{taken_apart: half()})
    assert [pair.name for pair in paired(masks, truth).pairs] == [composed]
    path = coco(
        tmp_path / "i.json",
        [],
        images=[{"id": 7, "file_name": taken_apart + ".jpg", "height": 24, "width": 32}],
    )
    assert [pair.name for pair in paired(masks, path).pairs] == [composed]
    write(masks, **{taken_apart: half()})
    with pytest.raises(UsageError, match="two files are named"):
        pairs.open_masks(masks)


def test_names_that_are_no_unicode_can_be_printed(tmp_path: Path) -> None:
    for folder in ("m", "t"):
        write(tmp_path / folder, a=half())
        (tmp_path / folder / "a.png").rename(
            tmp_path / folder / "a\udcff.png"
        )  # the byte ff in the file system
    found = paired(tmp_path / "m", tmp_path / "t")
    assert [pair.name.encode() for pair in found.pairs] == [b"a\\udcff"]
    assert evaluate(found.pairs, Settings((128,))).scores[0].measures[0].iou == 1
