from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as oracle

from maskgen.errors import ShardFault, SourceFault, UsageError
from maskgen.evaluation import pairs
from maskgen.evaluation.coco import read_instances, union
from maskgen.evaluation.evaluate import Settings, disagreement, evaluate
from maskgen.evaluation.measures import measure
from maskgen.evaluation.reading import Blob, read_map, read_truth

SIZE = (24, 32)
OLD_ORACLE = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)  # pycocotools


def write(folder: Path, **levels: NDArray[np.uint8]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, grid in levels.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), grid)
    return folder


def grid(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def half(size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    levels = np.zeros(size, np.uint8)
    levels[:, size[1] // 2 :] = 255
    return levels


def paired(masks: Path, truth: Path) -> pairs.Pairing:
    return pairs.pair(pairs.open_truths(truth), [pairs.open_masks(masks)])


# Pairing


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


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    masks = write(tmp_path / "masks", a=grid(0))
    write(masks / "sub", a=grid(1))
    with pytest.raises(UsageError, match="two files are named 'a'"):
        pairs.open_masks(masks)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no PNG or JPEG"):
        pairs.open_masks(tmp_path)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("a.bmp", "1 .bmp"),
        ("x-000000.tar", "shards without their manifest"),
        ("manifest.json", "only masks may be given as shards"),
        ("", "it is empty"),
    ],
)
def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path, file: str, told: str) -> None:
    if file:
        (tmp_path / file).write_bytes(b"BM")
    with pytest.raises(UsageError, match=told):
        pairs.open_truths(tmp_path)


def test_links_to_folders_are_not_followed_but_named(tmp_path: Path) -> None:
    write(tmp_path / "far", a=half())
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "train").symlink_to(tmp_path / "far")
    with pytest.raises(UsageError, match="links to folders, as train, are not followed"):
        pairs.open_truths(tmp_path / "near")


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


# Reading


def test_truth_is_what_lies_above_128(tmp_path: Path) -> None:
    write(tmp_path, t=np.array([[0, 128, 129, 255]], np.uint8))
    truth, ignored = read_truth(Blob(str(tmp_path / "t.png")))
    assert truth.tolist() == [[False, False, True, True]]
    assert not ignored.any()


def test_the_map_takes_the_size_of_the_truth(tmp_path: Path) -> None:
    write(tmp_path, m=half((12, 16)))
    found = read_map(Blob(str(tmp_path / "m.png")), (24, 32), Blob("t.png"))
    assert found.shape == (24, 32)
    assert (found[:, [0, 14, 17, 31]] == [0, 0, 255, 255]).all()


def pillow(levels: NDArray[np.uint8], kind: str) -> Image.Image:
    """The same mask as other programs write it."""
    grey = Image.fromarray(levels)
    opaque, hidden = Image.new("L", grey.size, 255), Image.new("L", grey.size, 0)
    match kind:
        case "opaque RGBA" | "hidden RGBA":
            return Image.merge("RGBA", (grey, grey, grey, opaque if kind.startswith("opaque") else hidden))
        case "opaque LA" | "hidden LA":
            return Image.merge("LA", (grey, opaque if kind.startswith("opaque") else hidden))
        case "mask in the alpha channel":
            return Image.merge("LA", (hidden, grey))
    palette = Image.fromarray((levels > 0).astype(np.uint8))
    palette.putpalette([0, 0, 0] + ([128, 0, 0] if kind == "red palette" else [255, 255, 255]))
    return palette


@pytest.mark.parametrize("kind", ["opaque RGBA", "opaque LA", "grey palette"])
def test_a_mask_that_is_grey_and_opaque_is_read_however_it_is_stored(tmp_path: Path, kind: str) -> None:
    pillow(half(), kind).save(tmp_path / "m.png")
    assert (read_map(Blob(str(tmp_path / "m.png")), SIZE, Blob("t")) == half()).all()
    truth, _ = read_truth(Blob(str(tmp_path / "m.png")))
    assert (truth == (half() > 0)).all()


@pytest.mark.parametrize("kind", ["hidden RGBA", "hidden LA", "mask in the alpha channel"])
def test_transparency_is_refused_because_it_could_mean_either(tmp_path: Path, kind: str) -> None:
    pillow(half(), kind).save(tmp_path / "m.png")
    with pytest.raises(UsageError, match=r"m\.png.*\n.*transparency"):
        read_map(Blob(str(tmp_path / "m.png")), SIZE, Blob("t"))


def test_a_transparent_background_colour_is_refused(tmp_path: Path) -> None:
    # Painted white, as a photo's is, the background would become the foreground.
    Image.fromarray(half()).save(tmp_path / "grey.png", transparency=0)
    pillow(half(), "grey palette").save(tmp_path / "palette.png", transparency=0)
    for name in ("grey", "palette"):
        with pytest.raises(UsageError, match="transparency"):
            read_truth(Blob(str(tmp_path / f"{name}.png")))


def test_photos_and_coloured_label_maps_are_refused(tmp_path: Path) -> None:
    pillow(half(), "red palette").save(tmp_path / "labels.png")
    colours = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "photo.jpg")
    for name in ("labels.png", "photo.jpg"):
        with pytest.raises(UsageError, match="colour: two channels are"):
            read_truth(Blob(str(tmp_path / name)))


def test_a_grey_mask_in_a_colour_jpeg_is_no_photo(tmp_path: Path) -> None:
    levels = np.asarray(Image.fromarray(grid(3)).resize((320, 240)))
    Image.fromarray(np.repeat(levels[..., None], 3, axis=2)).save(tmp_path / "m.jpg", quality=60)
    found = read_map(Blob(str(tmp_path / "m.jpg")), (240, 320), Blob("t"))
    assert np.abs(found.astype(int) - levels).mean() < 10


def test_a_colour_file_is_read_by_its_luma(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.repeat(grid(5)[..., None], 3, axis=2))
    assert (read_map(Blob(str(tmp_path / "m.png")), SIZE, Blob("t")) == grid(5)).all()


@pytest.mark.parametrize(
    ("mask", "truth", "fits"),
    [
        ((300, 400), (300, 400), True),
        ((300, 400), (400, 300), False),
        ((300, 400), (300, 409), False),
        ((300, 400), (300, 403), True),
        ((21, 32), (333, 500), True),  # 21.3 rounded: 1.5 % off, yet the same photo
        ((20, 32), (333, 500), False),
    ],
)
def test_aspect_ratios(tmp_path: Path, mask: tuple[int, int], truth: tuple[int, int], fits: bool) -> None:
    write(tmp_path, mask=grid(0, mask))
    blob = Blob(str(tmp_path / "mask.png"))
    if fits:
        assert read_map(blob, truth, Blob("t.png")).shape == truth
        return
    with pytest.raises(UsageError, match=r"a mask of .* px for a truth of .*mask\.png and t\.png"):
        read_map(blob, truth, Blob("t.png"))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    whole = cv2.imencode(".png", grid(0))[1].tobytes()
    for name, data in {"cut": whole[:200], "text": b"hello", "none": b""}.items():
        (tmp_path / f"{name}.png").write_bytes(data)
        with pytest.raises(UsageError, match=rf"cannot read a mask: .*{name}\.png"):
            read_truth(Blob(str(tmp_path / f"{name}.png")))
    with pytest.raises(UsageError, match="cannot read a file"):
        read_truth(Blob(str(tmp_path / "absent.png")))


def test_transparency_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.full((4, 4, 4), 200, np.uint8))
    with pytest.raises(UsageError, match="transparency"):
        read_truth(Blob(str(tmp_path / "m.png")))


def test_a_member_behind_the_end_of_its_tar_is_a_fault_of_the_shard(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"12345")
    with pytest.raises(ShardFault, match=r"cut short: x\.tar key\.mask\.png"):
        Blob(str(tmp_path / "x.tar"), 2, 9, "x.tar key.mask.png").read()


# Evaluating


def test_workers_and_order_do_not_change_a_bit(tmp_path: Path) -> None:
    names = [f"n{n:02d}" for n in range(19)]
    masks = write(tmp_path / "masks", **{name: grid(n) for n, name in enumerate(names)})
    truth = write(tmp_path / "truth", **{name: grid(100 + n) for n, name in enumerate(reversed(names))})
    found = paired(masks, truth)
    ticks: list[int] = []
    one, two = (evaluate(found.pairs, Settings((128,)), n, ticks.append) for n in (1, 2))
    assert one.scores == two.scores
    assert one.curves.tobytes() == two.curves.tobytes()
    assert ticks == [8, 16, 19] * 2
    scored = [measure(grid(n), grid(118 - n) > 128) for n in range(19)]
    assert [score.measures[0] for score in one.scores] == [s.measures for s in scored]
    assert one.curves[0] == pytest.approx(np.mean([s.curves for s in scored], axis=0))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_empty_truth_is_an_error_or_left_out(tmp_path: Path, workers: int) -> None:
    names = [f"n{n:02d}" for n in range(10)]
    masks = write(tmp_path / "masks", **{name: grid(n) for n, name in enumerate(names)})
    truth = write(tmp_path / "truth", **dict.fromkeys(names, half()))
    write(truth, n03=half() // 255)  # of 0 and 1
    found = paired(masks, truth)
    with pytest.raises(UsageError, match=r"no foreground: .*n03\.png\n.*0 and 1 instead of 0 and 255"):
        evaluate(found.pairs, Settings((128,)), workers)
    evaluation = evaluate(found.pairs, Settings((128,), skip_empty=True), workers)
    assert evaluation.empty == ("n03",)
    assert len(evaluation.scores) == 9
    left = [measure(grid(n), half() > 128).curves for n in range(10) if n != 3]
    assert evaluation.curves[0] == pytest.approx(np.mean(left, axis=0))


def test_nothing_but_empty_truths_is_an_error(tmp_path: Path) -> None:
    found = paired(write(tmp_path / "m", a=grid(0)), write(tmp_path / "t", a=np.zeros(SIZE, np.uint8)))
    with pytest.raises(UsageError, match="none of the 1 truths has any foreground"):
        evaluate(found.pairs, Settings((128,), skip_empty=True))


def test_disagreement_worked_by_hand() -> None:
    maps = [np.array([[0, 51]], np.uint8), np.array([[102, 51]], np.uint8), np.array([[51, 51]], np.uint8)]
    assert disagreement(maps) == pytest.approx((0.4 + 0.2 + 0.2) / 2 / 3)
    assert disagreement(maps[:1]) == 0
    assert disagreement(maps[:2], normalise=True) == pytest.approx((1 + 1) / 2)


# COCO


def coco(path: Path, annotations: list[dict[str, object]], **changes: object) -> Path:
    images = [{"id": 7, "file_name": "set/photo.jpg", "height": 20, "width": 30}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, **changes}))
    return path


def box(x0: int, y0: int, x1: int, y1: int, *, crowd: int = 0) -> dict[str, object]:
    if not crowd:
        outline = [[x0, y0, x1, y0, x1, y1, x0, y1]]
        return {"image_id": 7, "iscrowd": 0, "segmentation": outline}
    drawn = np.zeros((20, 30), np.uint8)
    drawn[y0:y1, x0:x1] = 1
    runs, value, flat = [0], 0, drawn.T.ravel()
    for pixel in flat:
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return {"image_id": 7, "iscrowd": 1, "segmentation": {"size": [20, 30], "counts": runs}}


def test_the_truth_is_all_instances_together_and_crowds_are_ignored(tmp_path: Path) -> None:
    path = coco(tmp_path / "i.json", [box(2, 3, 8, 9), box(20, 10, 25, 20), box(6, 0, 14, 12, crowd=1)])
    truth, ignored = read_truth(read_instances(path)["photo"])
    expected, crowd = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    expected[3:9, 2:8] = expected[10:20, 20:25] = True
    crowd[0:12, 6:14] = True
    assert (truth == expected).all()
    assert (ignored == (crowd & ~expected)).all()


def test_a_map_is_neither_praised_nor_blamed_in_a_crowd(tmp_path: Path) -> None:
    path = coco(tmp_path / "i.json", [box(2, 3, 8, 9), box(12, 0, 20, 12, crowd=1)])
    perfect = np.zeros((20, 30), np.uint8)
    perfect[3:9, 2:8] = 255
    greedy = perfect.copy()
    greedy[0:12, 12:20] = 255
    scores = [
        evaluate(paired(write(tmp_path / name, photo=levels), path).pairs, Settings((128,))).scores[0]
        for name, levels in (("perfect", perfect), ("greedy", greedy))
    ]
    assert scores[0] == scores[1]
    assert scores[0].measures[0].iou == 1


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3]],
        [[1, 2, 3, float("inf"), 4, 5]],
        [[1, 2, 3, 1e12, 4, 5]],
        [["a", 2, 3, 4, 5, 6]],
        {"size": [20, 30], "counts": [1, 2]},
        {"size": [20, 30], "counts": [-1, 601]},
        {"size": [30, 20], "counts": [600]},
        {"size": [20, 30], "counts": "~~~"},
        {"size": [20, 30], "counts": "P"},
        {"counts": [600]},
    ],
)
def test_broken_segmentations_are_refused(segmentation: object) -> None:
    with pytest.raises(SourceFault, match=r"cannot draw a COCO segmentation: photo\.jpg"):
        union([segmentation], (20, 30), "photo.jpg")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[" * 100_000, "recursion"),
        ("[]", "no object with images and annotations"),
        (
            '{"images": [], "annotations": [{"image_id": 8, "segmentation": []}]}',
            "image 8, which is not listed",
        ),
        ('{"images": []}', "no 'annotations'"),
        ("\x89PNG\r\n", "Expecting value"),
    ],
)
def test_what_is_wrong_with_annotations_is_said(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "i.json"
    path.write_text(text)
    with pytest.raises(SourceFault, match=cause):
        read_instances(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a=half())
    with pytest.raises(SourceFault, match="not a text file"):
        pairs.open_truths(tmp_path / "a.png")


def test_annotations_without_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image in these annotations"):
        pairs.open_truths(coco(tmp_path / "i.json", [], images=[]))


def test_annotations_take_a_few_times_their_size_of_memory(tmp_path: Path) -> None:
    polygon = [round(100 + number * 0.37, 2) for number in range(60)]
    path = coco(tmp_path / "i.json", [{"image_id": 7, "iscrowd": 0, "segmentation": [polygon]}] * 5000)
    tracemalloc.start()
    (truth,) = read_instances(path).values()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(truth.instances) == 5000
    assert list(truth.instances[0][0]) == polygon
    assert peak < 4 * path.stat().st_size  # lists of floats take 5.4 times


def test_broken_annotations_are_refused(tmp_path: Path) -> None:
    image = {"id": 7, "file_name": "a.jpg", "height": 2, "width": 2}
    (tmp_path / "text.json").write_text("{")
    paths = [
        tmp_path / "text.json",
        coco(tmp_path / "a.json", [], images=[{"id": 7}]),
        coco(tmp_path / "b.json", [{"image_id": 8, "segmentation": []}]),
        coco(tmp_path / "c.json", [], images=[image | {"height": 0}]),
        coco(tmp_path / "d.json", [], images=[image, image | {"id": 8, "file_name": "b/a.jpg"}]),
        coco(tmp_path / "e.json", [], images=[[]]),
    ]
    for path in paths:
        with pytest.raises(SourceFault, match=path.name):
            read_instances(path)


def drawn_by_oracle(segmentation: object, height: int, width: int) -> tuple[NDArray[np.bool_], str]:
    runs = oracle.frPyObjects(segmentation, height, width)
    runs = oracle.merge(runs) if isinstance(runs, list) else runs
    return oracle.decode(runs).astype(bool), runs["counts"].decode()


@OLD_ORACLE
def test_random_polygons_are_drawn_as_pycocotools_draws_them() -> None:
    rng = np.random.default_rng(0)
    for number in range(600):
        height, width, corners = (int(n) for n in rng.integers((1, 1, 3), (60, 60, 9)))
        polygon = rng.uniform(-20, 80, 2 * corners)
        polygon = np.round(polygon * 2) / 2 if number % 2 else polygon  # corners on pixel borders
        polygon[:4] = np.tile(polygon[:2], 2) if number % 5 == 0 else polygon[:4]
        expected, packed = drawn_by_oracle([polygon.tolist()], height, width)
        assert (union([[polygon.tolist()]], (height, width), "") == expected).all()
        runs = {"size": [height, width], "counts": packed}
        assert (union([runs], (height, width), "") == expected).all()


def test_a_polygon_of_two_corners_encloses_nothing() -> None:
    assert not union([[[2.5, 3.1, 20.4, 11.7]]], (20, 30), "").any()


@OLD_ORACLE
@pytest.mark.parametrize(
    "file", ["coco_tiny_160/annotations/instances_train2017.json", "dali_coco/instances.json"]
)
def test_real_annotations_are_drawn_as_pycocotools_draws_them(shared_data: Path, file: str) -> None:
    drawn = 0
    for truth in read_instances(shared_data / file).values():
        for segmentation in (*truth.instances, *truth.crowds):
            if isinstance(segmentation, list) and any(len(polygon) < 6 for polygon in segmentation):
                continue  # pycocotools takes four numbers for a box, and stops
            expected, _ = drawn_by_oracle(segmentation, *truth.size)
            assert (union([segmentation], truth.size, "") == expected).all()
            drawn += 1
    assert drawn > 80
