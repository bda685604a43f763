from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from maskgen.cli.app import cli
from maskgen.drawing import contact_sheet
from maskgen.errors import UsageError

SIZE = (30, 40)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)], catch_exceptions=False)


def write(folder: Path, **pictures: np.ndarray) -> Path:
    folder.mkdir()
    for name, picture in pictures.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), picture)
    return folder


def flat(level: int) -> np.ndarray:
    return np.full(SIZE, level, np.uint8)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two mask sets that are 0, 0.2 and 0.8 apart, and the truths."""
    half = flat(0)
    half[:, :20] = 255
    write(tmp_path / "truth", a=half, b=half, c=half)
    write(tmp_path / "one", a=flat(102), b=flat(0), c=flat(204))
    write(tmp_path / "two", a=flat(102), b=flat(204), c=flat(255))
    write(tmp_path / "photos", a=flat(10), b=flat(20), c=flat(30))
    return tmp_path


def test_one_object_with_every_run(runs: Path) -> None:
    arguments = (f"first={runs}/one", f"second={runs}/two", "--truth", runs / "truth")
    found = json.loads(call(*arguments, "--json", "--workers", 1).stdout)
    assert found["images"] == 3
    assert list(found["runs"]) == ["first", "second"]
    for name, folder in (("first", "one"), ("second", "two")):
        alone = [
            "eval",
            "--masks",
            f"{runs}/{folder}",
            "--truth",
            f"{runs}/truth",
            "--json",
            "--workers",
            "1",
        ]
        assert found["runs"][name] == json.loads(CliRunner().invoke(cli, alone).stdout)
    assert found["runs"]["first"]["mae"] == pytest.approx(0.5)


def test_a_table_of_one_line_per_run(runs: Path) -> None:
    text = call(f"first={runs}/one", f"second={runs}/two", "--truth", runs / "truth", "--workers", 1).stdout
    head, first, second, end = text.splitlines()
    assert head.split()[:2] == ["max_f", "max_f_per_image"]
    assert (first.split()[0], second.split()[0], end) == ("first", "second", "3 images")
    column = head.split().index("mae") + 1
    assert (float(first.split()[column]), float(second.split()[column])) == (0.5, 0.5)
    for line in (first, second):  # every figure ends under its name
        assert len(line) == len(head)


def test_the_sheet_begins_with_the_widest_dispute(runs: Path) -> None:
    output = runs / "new" / "sheet.png"
    arguments = (f"one={runs}/one", f"two={runs}/two", "--truth", runs / "truth", "--photos", runs / "photos")
    assert call(*arguments, "--output", output, "--count", 2, "--workers", 1).exit_code == 0
    image = cv2.imread(str(output), cv2.IMREAD_GRAYSCALE)
    high = contact_sheet.CELL * SIZE[0] // SIZE[1]
    # photo | truth | one | two: b (0.8 apart) above c (0.2 apart); a (equal) is not shown.
    corners = [(y, x) for y in range(image.shape[0] - 9) for x in (10,) if (image[y : y + 9, x] < 40).all()]
    first, second = corners[0][0], next(y for y, _ in corners if y > corners[0][0] + high)
    step = contact_sheet.CELL + 4
    assert [int(image[first + 5, 10 + step * n]) for n in (0, 1, 2, 3)] == [20, 255, 0, 204]
    assert [int(image[second + 5, 10 + step * n]) for n in (0, 1, 2, 3)] == [30, 255, 204, 255]


def test_a_sheet_may_be_a_jpeg(runs: Path) -> None:
    arguments = (f"one={runs}/one", f"two={runs}/two", "--truth", runs / "truth", "--workers", 1)
    for name, magic in (("sheet.png", b"\x89PNG"), ("sheet.JPG", b"\xff\xd8\xff")):
        assert call(*arguments, "--photos", runs / "photos", "--output", runs / name).exit_code == 0
        assert (runs / name).read_bytes().startswith(magic)
    png, jpeg = (cv2.imread(str(runs / name)).astype(int) for name in ("sheet.png", "sheet.JPG"))
    assert np.abs(png - jpeg).mean() < 5
    found = call(*arguments, "--output", runs / "truth" / "a.tif")
    assert found.exit_code == 2
    assert "does not end in .png or .jpg or .jpeg" in found.stderr
    assert not (runs / "truth" / "a.tif").exists()


def test_photos_without_a_sheet_are_a_mistake(runs: Path) -> None:
    found = call(f"one={runs}/one", "--truth", runs / "truth", "--photos", runs / "photos")
    assert found.exit_code == 2
    assert "give its --output" in found.stderr


def test_a_name_that_is_no_unicode_is_drawn(tmp_path: Path) -> None:
    # OpenCV ends the whole process on such a text.
    picture = cv2.imencode(".png", flat(255))[1].tobytes()
    for folder in ("truth", "one"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a\udcff.png").write_bytes(picture)  # the byte ff in the file system
    arguments = ("--truth", tmp_path / "truth", "--output", tmp_path / "sheet.png", "--workers", 1)
    found = call(f"one\udcff={tmp_path}/one", *arguments, "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout)["images"] == 1
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None


def test_without_photos_the_sheet_says_so(runs: Path) -> None:
    arguments = (f"one={runs}/one", f"two={runs}/two", "--truth", runs / "truth", "--workers", 1)
    found = call(*arguments, "--output", runs / "sheet.png")
    assert "--photos DIR" in found.stderr
    image = cv2.imread(str(runs / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert image.shape[1] % (3 * (contact_sheet.CELL + 4) + 4) == 0


def test_a_photo_that_is_not_there_is_named(runs: Path) -> None:
    (runs / "photos" / "b.png").unlink()
    arguments = (f"one={runs}/one", "--truth", runs / "truth", "--photos", runs / "photos", "--workers", 1)
    with pytest.raises(UsageError, match="no photo of this name in --photos: b"):
        call(*arguments, "--output", runs / "sheet.png")


def test_only_images_that_all_have_are_compared(runs: Path) -> None:
    (runs / "two" / "c.png").unlink()
    arguments = (f"one={runs}/one", f"two={runs}/two", "--truth", runs / "truth", "--json", "--workers", 1)
    with pytest.raises(UsageError, match=r"1 truth without mask .*\(c\)"):
        call(*arguments)
    found = json.loads(call(*arguments, "--allow-missing").stdout)
    assert [run["images"] for run in found["runs"].values()] == [2, 2]
    assert found["runs"]["one"]["mae"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("argument", "message"),
    [("masks", "is not NAME=MASKS"), ("=x", "is not NAME=MASKS"), ("a=/no/such", "is no folder")],
)
def test_wrong_arguments(runs: Path, argument: str, message: str) -> None:
    found = call(argument, "--truth", runs / "truth")
    assert found.exit_code == 2
    assert message in found.stderr


def test_names_are_given_once(runs: Path) -> None:
    found = call(f"a={runs}/one", f"a={runs}/two", "--truth", runs / "truth")
    assert "two runs are named 'a'" in found.stderr


@pytest.mark.slow
def test_photos_come_from_the_shards(shared_data: Path, tmp_path: Path) -> None:
    source, truth = tmp_path / "images", tmp_path / "truth"
    source.mkdir()
    truth.mkdir()
    for key in ("0128", "0129", "0130"):
        (source / f"{key}.jpg").write_bytes((shared_data / f"ecssd/images/{key}.jpg").read_bytes())
        (truth / f"{key}.png").write_bytes((shared_data / f"ecssd/ground_truth_mask/{key}.png").read_bytes())
    for method in ("box", "rbd"):
        arguments = ["run", "--dataset", "folder", "--input", source, "--output", tmp_path / method]
        arguments += ["--method", method, "--background", "none", "--workers", 1]
        assert CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False).exit_code == 0
    found = call(
        f"rbd={tmp_path}/rbd",
        f"box={tmp_path}/box",
        "--truth",
        truth,
        "--workers",
        1,
        "--output",
        tmp_path / "sheet.png",
    )
    assert found.exit_code == 0
    assert not found.stderr
    image = cv2.imread(str(tmp_path / "sheet.png"))
    assert image.shape[1] % (4 * (contact_sheet.CELL + 4) + 4) == 0
    first = image[24 : 24 + 90, 4 : 4 + contact_sheet.CELL].astype(int)  # the photo: the one colorful picture
    assert np.abs(first[..., 0] - first[..., 2]).mean() > 3
