"""Answers of classifiers whose scores are known: one that knows all, one that reads only the background."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from challenge_kit import BOX, CLASSES, DRAWINGS, SETTINGS, Drawing, H

from maskgen.challenge.answers import Challenge, read_answers, score, score_maps
from maskgen.challenge.make import make_challenge
from maskgen.errors import UsageError
from maskgen.loaders import Dataset


def write(path: Path, rows: list[tuple[str, str, object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("variant", "key", "answer"), *rows])
    return path


def background_class(output: Path, variant: str, key: str) -> int:
    """What a classifier says that looks at the upper left pixel alone."""
    path = next((output / variant / "val").glob(f"*/{key}.png"))
    return CLASSES[int(cv2.imread(str(path))[0, 0, 0]) // 10 - 1]


def test_a_classifier_of_backgrounds_has_the_gap_that_its_pictures_say(
    challenge: Path, tmp_path: Path
) -> None:
    opened = Challenge.open(challenge)
    names = ("original", "mixed_same", "mixed_rand", "mixed_next")
    rows = [(name, one.key, background_class(challenge, name, one.key)) for name in names for one in DRAWINGS]
    found = score(opened, read_answers(write(tmp_path / "a.csv", rows), opened))
    labels = {one.key: one.label for one in DRAWINGS}
    own = sum(answer == labels[key] for name, key, answer in rows if name == "mixed_rand")
    assert found["accuracy"] == {"original": 1, "mixed_same": 1, "mixed_rand": own / 12, "mixed_next": 0}
    assert found["background_gap"] == pytest.approx(1 - own / 12)
    assert set(found) == {"accuracy", "background_gap"}


def test_classes_may_be_called_by_their_folders_and_other_answers_are_wrong(
    challenge: Path, tmp_path: Path
) -> None:
    opened = Challenge.open(challenge)
    folders = {2: "02_class_2", 7: "07_class_7", 30: "a toaster"}
    rows = [("only_fg", one.key, folders[int(one.label)]) for one in DRAWINGS]  # type: ignore[arg-type]
    found = score(opened, read_answers(write(tmp_path / "a.csv", rows), opened))
    assert found == {"accuracy": {"only_fg": 7 / 12}}


def test_a_table_of_a_spreadsheet_is_read(challenge: Path, tmp_path: Path) -> None:
    opened = Challenge.open(challenge)
    path = write(tmp_path / "a.csv", [("only_fg", one.key, one.label) for one in DRAWINGS])
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert score(opened, read_answers(path, opened)) == {"accuracy": {"only_fg": 1}}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("only_gf", "k01", 7)], "no variant 'only_gf'"),
        ([("only_fg", "k99", 7)], "no photo 'k99'"),
        ([("only_fg", "k01", 7)] * 2, "two answers to k01"),
        ([("only_fg", "k01", 7)], "11 of 12 photos have no answer in only_fg: k02"),
        ([], "is empty"),
    ],
)
def test_wrong_tables_are_refused(rows: list, words: str, challenge: Path, tmp_path: Path) -> None:
    opened = Challenge.open(challenge)
    with pytest.raises(UsageError) as caught:
        read_answers(write(tmp_path / "a.csv", rows), opened)
    assert words in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"", b"\xff\xfe\x00"])
def test_what_is_no_table_is_refused(content: bytes, challenge: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UsageError, match="answers"):
        read_answers(tmp_path / "a.csv", Challenge.open(challenge))


@pytest.mark.slow
def test_noise_and_pairs_by_hand(draw_shards: Callable[..., Dataset], tmp_path: Path) -> None:
    drawings = [Drawing(number, (2, 5)[number % 2]) for number in range(1, 25)]
    settings = replace(SETTINGS, noise=2, pairs="2,5", write="folders", seed=2)
    make_challenge(draw_shards(drawings), tmp_path / "out", settings, threads=2)
    opened = Challenge.open(tmp_path / "out")
    wrong = {"noisy_fg_1": 12, "noisy_fg_2": 18, "noisy_bg_1": 6, "noisy_bg_2": 0}
    rows = [
        (name, one.key, one.label if number >= count else "")
        for name, count in wrong.items()
        for number, one in enumerate(drawings)
    ]
    with (tmp_path / "out/pairs/metadata.csv").open(newline="") as file:
        test = [row for row in csv.DictReader(file) if row["split"] == "2"]
    # A classifier that says what the background says: right where y is the place, wrong elsewhere.
    rows += [("pairs", Path(row["img_filename"]).stem, (2, 5)[int(row["place"])]) for row in test]
    found = score(opened, read_answers(write(tmp_path / "a.csv", rows), opened))
    background, foreground = (0.75 + 1) / 2, (0.5 + 0.25) / 2
    mean = (background + foreground) / 2
    assert found["rfs"] == pytest.approx((background - foreground) / (2 * min(mean, 1 - mean)))
    groups = {f"class {row['y']} on {row['place']}": float(row["y"] == row["place"]) for row in test}
    assert found["groups"] == groups
    assert found["worst_group"] == min(groups.values())
    with pytest.raises(UsageError, match="test pictures have no answer in pairs"):
        score(opened, {"pairs": {}})


def test_maps_that_follow_the_mask_are_one_denser_inside(challenge: Path, tmp_path: Path) -> None:
    y0, x0, y1, x1 = BOX
    for one in DRAWINGS:
        saliency = np.zeros((H, H), np.float64)
        saliency[y0:y1, x0 - 10 : x1 - 10] = 1 if one.number > 3 else 0.5
        np.save(tmp_path / f"{one.key}.npy", saliency)
    opened = Challenge.open(challenge)
    found = score_maps(opened, tmp_path)
    assert found == {"delta_saliency_density": pytest.approx((9 + 3 * 0.5) / 12), "maps": 12}
    np.save(tmp_path / "k04.npy", np.full((H, H), np.nan))
    with pytest.raises(UsageError, match=r"k04\.npy"):
        score_maps(opened, tmp_path)


def test_masks_come_from_shards_where_there_are_no_folders(challenge: Path, tmp_path: Path) -> None:
    opened = Challenge.open(challenge)
    plain = dict(opened.masks())
    (tmp_path / "shards").symlink_to(challenge / "shards")
    found = dict(replace(opened, folder=tmp_path).masks())
    assert plain.keys() == found.keys() == opened.labels.keys()
    assert all((plain[key] == found[key]).all() for key in plain)


def test_an_unfinished_challenge_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no finished challenge"):
        Challenge.open(tmp_path)
