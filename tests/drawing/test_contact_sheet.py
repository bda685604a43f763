from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from sample_kit import blob, config_of, encode
from sample_kit import photo as sample_photo

from maskgen.backgrounds import tiled
from maskgen.config.run_config import make_config
from maskgen.drawing import contact_sheet
from maskgen.errors import UsageError
from maskgen.shards import table
from maskgen.shards.manifest import Manifest
from maskgen.shards.reader import SampleBytes
from maskgen.shards.record import Record
from maskgen.shards.sample import SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import RGB, Box


def test_overlay_tints_the_foreground_only() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    hard = np.zeros((20, 30), bool)
    hard[5:10, 6:12] = True
    tinted = contact_sheet.overlay(photo, hard)
    assert (tinted[~hard] == photo[~hard]).all()
    assert (tinted[hard][:, 0].astype(int) >= photo[hard][:, 0] // 2 + 100).all()


def test_every_picture_lands_in_the_sheet() -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    rows = [
        contact_sheet.Row(f"key{n}", tuple(np.full((40, 60, 3), color, np.uint8) for color in colors))
        for n in range(5)
    ]
    image = cv2.imdecode(np.frombuffer(contact_sheet.render_sheet(rows), np.uint8), cv2.IMREAD_COLOR_RGB)
    for color in colors:
        pixels = (image == color).all(axis=2).sum()
        assert pixels == 5 * contact_sheet.CELL * round(contact_sheet.CELL * 40 / 60)


def test_low_and_high_pictures_leave_no_band_between_rows() -> None:
    """However photos are shaped, what is white between two pictures of a column is a caption's height."""
    shapes = [(60, 120), (120, 60), (100, 100), (30, 150), (60, 120), (90, 120), (200, 90)]
    rows = [contact_sheet.Row("", (np.zeros((*shape, 3), np.uint8),)) for shape in shapes]
    image = cv2.imdecode(np.frombuffer(contact_sheet.render_sheet(rows), np.uint8), cv2.IMREAD_GRAYSCALE)
    width = contact_sheet.CELL + 8
    ends = []
    for left in range(0, image.shape[1], width):
        black = (image[:, left : left + width] < 10).any(axis=1)
        ends.append(np.flatnonzero(black).max())
        edges = np.flatnonzero(np.diff(np.concatenate([[False], black, [False]]).astype(int)))
        heights, gaps = edges[1::2] - edges[::2], edges[2::2] - edges[1:-1:2]
        assert set(gaps.tolist()) <= {20}
        assert heights.max() <= 240
    assert max(ends) - min(ends) <= 260


def test_titles_stand_above_every_column() -> None:
    rows = [contact_sheet.Row("k", (np.zeros((40, 60, 3), np.uint8),) * 2) for _ in range(8)]
    with_titles, without = (
        cv2.imdecode(np.frombuffer(contact_sheet.render_sheet(rows, heads), np.uint8), cv2.IMREAD_GRAYSCALE)
        for heads in (("photo", "mask"), ())
    )
    assert (with_titles[16:] == without).all()  # a line higher, and else the same
    columns = without.shape[1] // (2 * (contact_sheet.CELL + 4) + 4)
    assert columns > 1
    for cell in range(2 * columns):
        left = cell // 2 * (2 * (contact_sheet.CELL + 4) + 4) + cell % 2 * (contact_sheet.CELL + 4)
        assert (with_titles[:18, left : left + 60] < 128).any()


@pytest.mark.parametrize(
    ("members", "photos", "wanted"),
    [
        (("jpg", "mask.png", "bg.jpg"), False, ("photo", "mask", "overlay", "background")),
        (("mask.png",), True, ("photo", "mask", "overlay")),
        (("mask.png", "bg.jpg", "json"), False, ("mask", "background")),
    ],
)
def test_titles_name_what_is_drawn(members: tuple[str, ...], photos: bool, wanted: tuple[str, ...]) -> None:
    assert contact_sheet.titles(members, photos=photos) == wanted


def test_a_photo_that_lies_elsewhere_gets_the_size_of_its_mask() -> None:
    members, background = encoded(background_store="patch", layout="sidecar")
    photo = np.full((180, 300, 3), 90, np.uint8)  # as with --short-side: the mask is of a smaller photo
    shown, mask, _, filled = contact_sheet.sample_row(SampleBytes("k", members), 128, photo).pictures
    assert shown.shape == mask.shape == filled.shape == background.shape == (90, 150, 3)
    assert (shown == 90).all()


def test_an_empty_sheet_is_still_a_picture() -> None:
    assert cv2.imdecode(np.frombuffer(contact_sheet.render_sheet([]), np.uint8), cv2.IMREAD_COLOR) is not None


def encoded(**options: object) -> tuple[dict[str, bytes], RGB]:
    """The members of a sample with a square object on stripes, and its background before it was encoded."""
    photo = np.zeros((90, 150, 3), np.uint8)
    photo[:, :, 0] = np.arange(150, dtype=np.uint8)
    mask = np.zeros((90, 150), np.float32)
    mask[30:60, 40:100] = 1
    photo[mask > 0] = (0, 250, 0)
    config = make_config(
        {"dataset": "sample", "output": "out", "method": "box", "threshold": 0.5, "background_quality": 100}
        | options
    )
    pair = store_mask(mask, 0.5, config)
    filled = tiled(photo, pair.hard)
    sample = encode_sample(
        SampleId("k", None, "k"), StoredPhoto(photo), pair, filled, Box(0, 0, 1, 1), config
    )
    return dict(sample.members), filled.image


@pytest.mark.parametrize("store", ["full", "patch"])
@pytest.mark.parametrize("side", [0, 45])
def test_the_background_is_shown_whole(store: str, side: int) -> None:
    members, background = encoded(background_store=store, background_side=side)
    row = contact_sheet.sample_row(SampleBytes("k", members), 128)
    photo, mask, _, shown = row.pictures
    assert shown.shape == photo.shape == background.shape
    assert np.abs(shown.astype(int) - background).mean() < 2
    assert (shown[40:50, 50:90, 1] < 60).all()  # nothing of the green object
    assert mask[45, 70].tolist() == [255, 255, 255]


def test_a_patch_without_its_photo_is_shown_in_its_place() -> None:
    members, background = encoded(background_store="patch", layout="sidecar")
    mask, shown = contact_sheet.sample_row(SampleBytes("k", members), 128).pictures
    assert mask.shape == shown.shape == background.shape
    assert (shown[0, 0] == 127).all()
    assert np.abs(shown[30:60, 40:100].astype(int) - background[30:60, 40:100]).mean() < 2


def test_the_confidence_stands_before_the_key_where_it_is_known() -> None:
    picture = (np.zeros((40, 60, 3), np.uint8),)
    rows = [contact_sheet.Row("k", picture, known) for known in (None, 0.31, 0.314, 0.99)]
    unknown, low, same, high = (contact_sheet.render_sheet([row]) for row in rows)
    assert low == same
    assert len({unknown, low, high}) == 3
    assert low == contact_sheet.render_sheet([contact_sheet.Row("0.31 k", picture)])


def known_confidences(folder: Path, version: int = 4) -> Manifest:
    """Two tables of random confidences in coarse steps, with failed images in between, and their manifest."""
    rng = np.random.default_rng(1)
    records = []
    for name in ("a", "b"):
        rows = [
            {"key": f"{name}{n}", "path": "p", "status": "ok", "error": "", "confidence": value}
            for n, value in enumerate((rng.integers(0, 8, 20) / 10).tolist())
        ]
        rows[5:5] = [{"key": "bad", "path": "p", "status": "failed", "error": "odd: x"}]
        (folder / f"{name}.parquet").write_bytes(table.render(rows))
        records.append(Record(name, 20, 1, "f", {}))
    return Manifest(version, {}, (), 42, True, tuple(records))


@pytest.mark.parametrize("count", [1, 7, 100])
def test_the_least_confident_are_chosen_of_all_shards(tmp_path: Path, count: int) -> None:
    whole = known_confidences(tmp_path)
    found = contact_sheet.least_confident(tmp_path, whole, count)
    values = {}
    for record in whole.shards:
        rows = table.read(tmp_path / f"{record.name}.parquet").to_pylist()
        good = [row["confidence"] for row in rows if row["status"] == "ok"]
        values |= {(record.name, place): value for place, value in enumerate(good)}
    expected = sorted(values, key=lambda place: (values[place], place))[:count]
    assert [(record.name, place) for record, places in found for place in places] == sorted(expected)


def test_without_confidences_none_is_the_least(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say nothing of the confidence"):
        contact_sheet.least_confident(tmp_path, known_confidences(tmp_path, version=3), 3)


@pytest.mark.parametrize("layout", ["full", "sidecar"])
def test_a_lean_mask_is_shown_in_the_shape_of_its_photo(layout: str) -> None:
    config = config_of(members="lean", layout=layout)
    members = dict(encode(config, sample_photo(), blob()).members)
    pictures = contact_sheet.sample_row(SampleBytes("k", members), 102).pictures
    assert {picture.shape for picture in pictures} == {(120, 181, 3)}
    assert len(pictures) == len(contact_sheet.titles(tuple(members), photos=False))
    mask = pictures[0 if layout == "sidecar" else 1]
    assert mask[50, 80, 0] > 200  # the middle of the disc
    assert mask[5, 5, 0] == 0
