"""A whole challenge of drawings whose pixels say whose they are: what is on each picture, and what stays."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from challenge_kit import CLASSES, DRAWINGS, FOREGROUND, SETTINGS, Drawing

from maskgen.challenge.make import make_challenge
from maskgen.challenge.report import PHOTOS, REPORT, SUMS
from maskgen.challenge.report import SETTINGS as FILE
from maskgen.challenge.variants import MIXED, VARIANTS
from maskgen.errors import Interrupted, UsageError
from maskgen.io.atomic import folder_lock
from maskgen.loaders import Dataset, open_dataset
from maskgen.processes.signals import StopSignals
from maskgen.shards.verify import verify

FOLDERS = {2: "02_class_2", 7: "07_class_7", 30: "30_class_30"}


def read(output: Path, variant: str, one: Drawing) -> np.ndarray:
    """The gray levels of a picture."""
    path = output / variant / "val" / FOLDERS[one.label] / f"{one.key}.png"  # type: ignore[index]
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR))[..., 0]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file's content by path, but for the indexes that whoever opened a data set has left there."""
    made = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".index"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in made}


def test_every_picture_shows_what_its_variant_says(challenge: Path) -> None:
    with (challenge / PHOTOS).open(newline="") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    for one in DRAWINGS:
        mask = np.load(challenge / "fg_mask" / "val" / FOLDERS[one.label] / f"{one.key}.npy") > 0  # type: ignore[index]
        own = 10 * one.number
        levels = {"original": (FOREGROUND, own), "only_bg_t": (own, own), "no_fg": (0, own)}
        levels |= {"only_fg": (FOREGROUND, 0)}
        levels |= {name: (FOREGROUND, 10 * int(rows[one.key][name][1:])) for name in MIXED}
        for variant, (inside, outside) in levels.items():
            picture = read(challenge, variant, one)
            assert set(picture[mask].tolist()) == {inside}, variant
            assert set(picture[~mask].tolist()) == {outside}, variant
        black = read(challenge, "only_bg_b", one)
        assert not black[mask].any()
        assert set(black.ravel().tolist()) == {0, own}


def test_backgrounds_are_of_the_classes_that_the_names_say(challenge: Path) -> None:
    after = {2: 7, 7: 30, 30: 2}
    for one in DRAWINGS:
        same, rand, following = (int(read(challenge, name, one)[0, 0]) // 10 for name in MIXED)
        assert CLASSES[same - 1] == one.label
        assert CLASSES[following - 1] == after[one.label]  # type: ignore[index]
        assert one.number not in (same, rand, following)


@pytest.mark.slow
def test_each_variant_is_a_data_set_that_says_the_same_as_its_folder(challenge: Path) -> None:
    from maskgen.challenge.photos import Photos

    for variant in VARIANTS:
        folder = challenge / "shards" / variant
        report = verify(folder, "full")
        assert (report.samples, report.faults) == (12, ())
        dataset = open_dataset(folder)
        photos = Photos(dataset, SETTINGS.side)
        for number, one in enumerate(DRAWINGS):
            assert (photos.read(number).scene.image[..., 0] == read(challenge, variant, one)).all()
        photos.close()
        assert dataset.manifest.identity["challenge"]["variant"] == variant


def test_the_report_counts_and_the_sums_are_those_of_the_files(challenge: Path) -> None:
    found = json.loads((challenge / REPORT).read_text())
    assert (found["samples"], found["photos"]) == (12, 12)
    assert {one["label"]: one["photos"] for one in found["classes"]} == {7: 3, 2: 4, 30: 5}
    listed = dict(line.split("  ")[::-1] for line in (challenge / SUMS).read_text().splitlines())
    apart = ("parts/", "records/", "plan.", FILE, REPORT, SUMS)
    files = {
        path: hashlib.sha256(data).hexdigest()
        for path, data in tree(challenge).items()
        if not any(name in path for name in apart)
    }
    assert listed == files
    assert found["sha256"] == hashlib.sha256((challenge / SUMS).read_bytes()).hexdigest()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="coreutils are not installed")
def test_a_tool_of_the_system_checks_the_sums(challenge: Path) -> None:
    subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=challenge, check=True)


def pictures(folder: Path) -> dict[str, bytes]:
    """Every picture and mask by path."""
    return {path: data for path, data in tree(folder).items() if "/val/" in path}


PARTS = replace(SETTINGS, write="folders", shard_size=5)


@pytest.mark.slow
def test_one_thread_and_other_parts_make_the_same_pictures_and_another_seed_others(
    challenge: Path, drawn: Dataset, tmp_path: Path
) -> None:
    make_challenge(drawn, tmp_path / "one", PARTS, threads=1)
    assert pictures(tmp_path / "one") == pictures(challenge)
    assert not (tmp_path / "one" / "shards").exists()
    make_challenge(drawn, tmp_path / "other", replace(PARTS, seed=1), threads=1)
    found = pictures(tmp_path / "other")
    moved = {path.partition("/")[0] for path, data in pictures(challenge).items() if found[path] != data}
    assert moved == set(MIXED)


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 6, 11])
def test_a_signal_stops_it_and_the_same_call_ends_with_the_same_bytes(
    after: int, challenge: Path, drawn: Dataset, tmp_path: Path
) -> None:
    def stop(done: int, _: int) -> None:
        if done == after:
            os.kill(os.getpid(), signal.SIGTERM)

    with StopSignals(), pytest.raises(Interrupted):
        make_challenge(drawn, tmp_path, PARTS, report=stop, threads=2)
    assert not (tmp_path / REPORT).exists()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "parts").iterdir()}
    assert len(before) == after // PARTS.shard_size
    make_challenge(drawn, tmp_path, PARTS, threads=2)
    assert pictures(tmp_path) == pictures(challenge)
    assert before.items() <= {p.name: p.stat().st_mtime_ns for p in (tmp_path / "parts").iterdir()}.items()
    assert not list(tmp_path.rglob("*.partial"))


KILLED = """
import os, sys
from pathlib import Path
from challenge_kit import SETTINGS
from maskgen.challenge.make import make_challenge
from maskgen.loaders import open_dataset
stop = lambda done, _: done == 7 and os.kill(os.getpid(), 9)
make_challenge(open_dataset(sys.argv[1]), Path(sys.argv[2]), SETTINGS, report=stop, threads=2)
"""


@pytest.mark.slow
def test_killed_in_the_middle_of_a_shard_it_ends_with_the_same_bytes(
    challenge: Path, drawn: Dataset, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", KILLED, drawn.path, output]
    done = subprocess.run(command, check=False, env={**os.environ, **paths})
    assert done.returncode == -signal.SIGKILL
    assert list(output.rglob("*.partial"))
    make_challenge(drawn, output, SETTINGS, threads=2)
    assert tree(output) == tree(challenge)


def test_a_finished_one_is_not_made_again(challenge: Path, drawn: Dataset) -> None:
    told: list[int] = []
    again = make_challenge(drawn, challenge, SETTINGS, report=lambda done, _: told.append(done))
    assert again == {k: v for k, v in json.loads((challenge / REPORT).read_text()).items() if k != "seal"}
    assert not told


def test_another_folder_is_refused(challenge: Path, drawn: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"settings\.seed: 0 -> 4"):
        make_challenge(drawn, challenge, replace(SETTINGS, seed=4))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no challenge"):
        make_challenge(drawn, tmp_path, SETTINGS)
    with pytest.raises(UsageError, match="inside the shards"):
        make_challenge(drawn, drawn.path / "out", SETTINGS)


def test_what_cannot_be_made_leaves_no_folder(draw_shards: Callable[..., Dataset], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two classes"):
        make_challenge(draw_shards(DRAWINGS[:3]), tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_noise_and_pairs_are_made_on_request(draw_shards: Callable[..., Dataset], tmp_path: Path) -> None:
    drawings = [Drawing(number, (2, 5)[number % 2]) for number in range(1, 25)]
    settings = replace(SETTINGS, noise=2, pairs="2,class 5", bias=1.0, write="folders", seed=2)
    found = make_challenge(draw_shards(drawings), tmp_path / "out", settings, threads=2)
    assert found["variants"] == [*VARIANTS, "noisy_fg_1", "noisy_bg_1", "noisy_fg_2", "noisy_bg_2"]
    one = tmp_path / "out" / "original" / "val" / "class 5" / "k03.png"
    plain = cv2.imread(str(one))
    mask = np.load(tmp_path / "out" / "fg_mask" / "val" / "class 5" / "k03.npy") > 0
    noisy = {}
    for name in found["variants"][8:]:
        noisy[name] = cv2.imread(str(tmp_path / "out" / name / "val" / "class 5" / "k03.png"))
        changed = (noisy[name] != plain).any(axis=2)
        where = mask if "fg" in name else ~mask
        assert not changed[~where].any()
        assert changed[where].mean() > 0.9
    assert (noisy["noisy_fg_1"] != noisy["noisy_fg_2"]).any()
    with (tmp_path / "out" / "pairs" / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    for row in rows:
        picture = cv2.imread(str(tmp_path / "out" / "pairs" / row["img_filename"]))
        assert int(picture[0, 0, 0]) == 10 * int(row["place_filename"][1:])
        assert int(picture[20, 20, 0]) == FOREGROUND
        assert row["split"] != "0" or row["y"] == row["place"]
    assert (tmp_path / "out" / SUMS).read_text().count("  pairs/") == 25
    with pytest.raises(UsageError, match="does not keep noise"):
        make_challenge(draw_shards(drawings, "more"), tmp_path / "x", replace(settings, photo_format="jpg"))


def test_who_finds_another_at_work_says_so_and_waits(drawn: Dataset, challenge: Path, tmp_path: Path) -> None:
    said, output = threading.Event(), tmp_path / "out"
    output.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with folder_lock(output):
            second = pool.submit(make_challenge, drawn, output, SETTINGS, waiting=said.set)
            assert said.wait(timeout=60)
            assert not list(output.iterdir()), "it has begun"
        second.result()
    assert pictures(output) == pictures(challenge)
