from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from lossless import COUNT, make_lossless

from maskgen.cli.app import cli
from maskgen.cli.eval import command
from maskgen.errors import ShardFault, UsageError
from maskgen.shards import manifest
from maskgen.shards.reader import read_samples

KEYS = [f"{number:04d}" for number in range(128, 138)]
MEASURES = (
    "max_f",
    "max_f_per_image",
    "adaptive_f",
    "weighted_f",
    "mae",
    "s_measure",
    "e_measure",
    "max_e",
    "adaptive_e",
    "iou",
)


def call(*arguments: object) -> str:
    return CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False).stdout


def facts(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call("eval", *arguments, "--json", "--workers", 1))
    return found


@pytest.fixture(scope="module")
def ecssd(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten ECSSD photos and masks, shards made from them, and the shards' masks as plain files."""
    folder = tmp_path_factory.mktemp("ecssd")
    for part in ("images", "ground_truth_mask"):
        (folder / part).mkdir()
        for file in (shared_data / "ecssd" / part).iterdir():
            if file.stem in KEYS:
                shutil.copy(file, folder / part)
    source = ("run", "--dataset", "folder", "--input", folder / "images", "--method", "rbd", "--workers", 1)
    call(*source, "--background", "none", "--output", folder / "shards")
    call(*source, "--background", "none", "--output", folder / "small", "--binary", "--mask-side", 100)
    (folder / "maps").mkdir()
    (record,) = manifest.read(folder / "shards").shards
    for sample in read_samples(folder / "shards", record, ("mask.png",)):
        (folder / "maps" / f"{sample.key}.png").write_bytes(sample.members["mask.png"])
    return folder


@pytest.mark.slow
def test_one_flat_object(ecssd: Path) -> None:
    found = facts("--masks", ecssd / "shards", "--truth", ecssd / "ground_truth_mask")
    assert all(isinstance(value, (int, float, bool)) for value in found.values())
    assert tuple(found)[: len(MEASURES)] == MEASURES
    assert found["images"] == 10
    assert found["iou_threshold"] == 0.25  # the method's, from the manifest
    assert (found["unpaired_masks"], found["unpaired_truths"], found["empty_truths"]) == (0, 0, 0)
    assert found["max_f"] > 0.6


@pytest.mark.slow
def test_mae_and_iou_of_real_masks_are_what_a_few_lines_say(ecssd: Path) -> None:
    errors, overlaps = [], []
    for key in KEYS:
        levels = cv2.imread(str(ecssd / "maps" / f"{key}.png"), cv2.IMREAD_GRAYSCALE)
        truth = cv2.imread(str(ecssd / "ground_truth_mask" / f"{key}.png"), cv2.IMREAD_GRAYSCALE) > 128
        errors.append(np.abs(levels / 255 - truth).mean())
        hard = levels >= 64  # 0.25 * 255, rounded
        overlaps.append((hard & truth).sum() / (hard | truth).sum())
    found = facts("--masks", ecssd / "shards", "--truth", ecssd / "ground_truth_mask")
    assert found["mae"] == pytest.approx(np.mean(errors), abs=1e-12)
    assert found["iou"] == pytest.approx(np.mean(overlaps), abs=1e-12)


@pytest.mark.slow
def test_shards_and_their_masks_as_files_measure_alike(ecssd: Path) -> None:
    shards = facts("--masks", ecssd / "shards", "--truth", ecssd / "ground_truth_mask")
    files = facts("--masks", ecssd / "maps", "--truth", ecssd / "ground_truth_mask")
    assert files["iou_threshold"] == 0.5
    differing = {name for name in shards if shards[name] != files[name]}
    assert differing == {"iou", "iou_threshold"}
    same = facts("--masks", ecssd / "maps", "--truth", ecssd / "ground_truth_mask", "--binarise-at", 0.25)
    assert same == shards


@pytest.mark.slow
def test_small_binary_masks_are_cut_at_one_half(ecssd: Path) -> None:
    found = facts("--masks", ecssd / "small", "--truth", ecssd / "ground_truth_mask")
    full = facts("--masks", ecssd / "shards", "--truth", ecssd / "ground_truth_mask")
    assert found["iou_threshold"] == 0.5
    assert found["iou"] == pytest.approx(full["iou"], abs=0.02)


def test_the_truth_against_itself_is_perfect(ecssd: Path) -> None:
    truth = ecssd / "ground_truth_mask"
    found = facts("--masks", truth, "--truth", truth)
    for name in ("max_f", "max_f_per_image", "adaptive_f", "weighted_f", "s_measure", "adaptive_e", "iou"):
        assert found[name] == pytest.approx(1, abs=1e-4), name
    assert found["mae"] == pytest.approx(0, abs=1e-4)  # the truths hold a few gray pixels


def test_the_table_of_images_averages_to_the_totals(ecssd: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "images.parquet"
    found = facts("--masks", ecssd / "shards", "--truth", ecssd / "ground_truth_mask", "--per-image", file)
    table = pq.read_table(file, use_threads=False).to_pydict()
    assert table["name"] == KEYS
    for name in ("adaptive_f", "weighted_f", "mae", "s_measure", "e_measure", "adaptive_e", "iou"):
        assert np.mean(table[name]) == pytest.approx(found[name], abs=1e-12), name
    truth = cv2.imread(str(ecssd / "ground_truth_mask" / f"{KEYS[3]}.png"), cv2.IMREAD_GRAYSCALE)
    assert (table["height"][3], table["width"][3]) == truth.shape


def test_missing_pairs_stop_it_unless_allowed(ecssd: Path, tmp_path: Path) -> None:
    shutil.copytree(ecssd / "ground_truth_mask", tmp_path / "truth")
    (tmp_path / "truth" / f"{KEYS[0]}.png").rename(tmp_path / "truth" / "stray.png")
    arguments = ("--masks", ecssd / "shards", "--truth", tmp_path / "truth")
    with pytest.raises(UsageError, match=rf"1 mask without truth .*\({KEYS[0]}\).*\(stray\)") as caught:
        facts(*arguments)
    assert caught.value.exit_code == 2
    found = facts(*arguments, "--allow-missing")
    assert (found["images"], found["unpaired_masks"], found["unpaired_truths"]) == (9, 1, 1)


def test_a_named_part_of_the_truth_needs_a_mask_each_and_nothing_else(tmp_path: Path) -> None:
    square = np.zeros((20, 20), np.uint8)
    square[5:15, 5:15] = 255
    for place, names in (("truth", "abc"), ("masks", "abx")):
        (tmp_path / place).mkdir()
        for name in names:
            cv2.imwrite(str(tmp_path / place / f"{name}.png"), square)
    names = tmp_path / "names.txt"
    places = ("--masks", tmp_path / "masks", "--truth", tmp_path / "truth", "--keys", names)
    names.write_text("a\nb\n")
    found = facts(*places)
    assert (found["images"], found["iou"], found["unpaired_masks"], found["unpaired_truths"]) == (
        2,
        1.0,
        0,
        0,
    )
    names.write_text("a\nc\n")
    with pytest.raises(UsageError, match=r"(?s)do not pair up.*1 truth without mask .*\(c\)"):
        facts(*places)


def test_the_table_of_images_never_replaces_a_mask(ecssd: Path) -> None:
    truth = ecssd / "ground_truth_mask" / f"{KEYS[0]}.png"
    before = truth.read_bytes()
    arguments = ("eval", "--masks", ecssd / "maps", "--truth", truth.parent, "--per-image", truth)
    found = CliRunner().invoke(cli, [str(word) for word in arguments])
    assert found.exit_code == 2
    assert "does not end in .parquet" in found.stderr
    assert truth.read_bytes() == before


def test_an_output_that_cannot_be_written_stops_it_before_the_work(ecssd: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "none").mkdir()  # without masks, which would be the next thing to fail
    arguments = ("--masks", tmp_path / "none", "--truth", ecssd / "ground_truth_mask")
    with pytest.raises(OSError, match="file"):
        facts(*arguments, "--per-image", tmp_path / "file" / "x.parquet")


@pytest.mark.parametrize(
    ("scale", "told"), [(255, ""), (1, "masks of 0 and 1 instead of 0 and 255?"), (0, "every mask is 0")]
)
def test_masks_that_are_unlike_masks_are_doubted(tmp_path: Path, scale: int, told: str) -> None:
    square = np.zeros((30, 40), np.uint8)
    square[5:20, 5:20] = 1
    for folder, factor in (("masks", scale), ("truth", 255)):
        (tmp_path / folder).mkdir()
        for name in "ab":
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), square * factor)
    arguments = ("eval", "--masks", tmp_path / "masks", "--truth", tmp_path / "truth", "--workers", 1)
    found = CliRunner().invoke(cli, [str(word) for word in arguments])
    assert found.exit_code == 0
    assert (told in found.stderr) if told else not found.stderr
    assert f"note: {tmp_path}/masks" in found.stderr or not told


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def maps_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/maps").read_text()
    return ""


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_with_its_workers(tmp_path: Path, number: signal.Signals) -> None:
    cv2.imwrite(str(tmp_path / "big.png"), np.tri(1500, dtype=np.uint8) * 255)
    (tmp_path / "masks").mkdir()
    for index in range(400):  # a minute of work
        (tmp_path / "masks" / f"{index}.png").symlink_to(tmp_path / "big.png")
    words = ["eval", "--masks", tmp_path / "masks", "--truth", tmp_path / "masks", "--workers", "2"]
    command = [sys.executable, "-m", "maskgen", *map(str, words)]
    process = subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    while len(workers := children(process.pid)) < 3:  # with multiprocessing's resource tracker
        assert process.poll() is None
        time.sleep(0.05)
    while sum("cv2" in maps_of(pid) for pid in workers) < 2:  # both have read what they were started with
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 75)
    assert b"Traceback" not in err
    assert (b"it starts anew" in err) == (number != signal.SIGKILL)
    while any(alive(pid) for pid in workers):  # for ever, were they not told
        time.sleep(0.05)


def test_empty_truths_stop_it_unless_skipped(ecssd: Path, tmp_path: Path) -> None:
    shutil.copytree(ecssd / "ground_truth_mask", tmp_path / "truth")
    cv2.imwrite(str(tmp_path / "truth" / f"{KEYS[4]}.png"), np.zeros((40, 40), np.uint8))
    arguments = ("--masks", ecssd / "shards", "--truth", tmp_path / "truth")
    with pytest.raises(UsageError, match=rf"no foreground: .*{KEYS[4]}\.png"):
        facts(*arguments)
    found = facts(*arguments, "--skip-empty")
    assert (found["images"], found["empty_truths"]) == (9, 1)


def test_a_turned_truth_is_named(ecssd: Path, tmp_path: Path) -> None:
    shutil.copytree(ecssd / "ground_truth_mask", tmp_path / "truth")
    file = tmp_path / "truth" / f"{KEYS[2]}.png"
    cv2.imwrite(str(file), cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).T)
    with pytest.raises(UsageError, match=rf"px: .*{KEYS[2]}\.mask\.png and .*{KEYS[2]}\.png"):
        facts("--masks", ecssd / "shards", "--truth", tmp_path / "truth")


def test_a_cut_tar_is_a_fault(ecssd: Path, tmp_path: Path) -> None:
    shutil.copytree(ecssd / "shards", tmp_path / "shards")
    (tar,) = (tmp_path / "shards").glob("*.tar")
    tar.write_bytes(tar.read_bytes()[:-512])
    with pytest.raises(ShardFault, match=r"\.tar"):
        facts("--masks", tmp_path / "shards", "--truth", ecssd / "ground_truth_mask")


@pytest.mark.slow
def test_shards_pair_with_coco_by_file_name(ecssd: Path, tmp_path: Path) -> None:
    # The truths as run lengths: all figures must be those of the mask files.
    images, annotations = [], []
    for number, key in enumerate(KEYS):
        file = ecssd / "ground_truth_mask" / f"{key}.png"
        truth = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) > 128
        flat = np.concatenate([[False], truth.T.ravel()])
        borders = np.flatnonzero(np.diff(flat))
        runs = np.diff(np.concatenate([[0], borders, [truth.size]])).tolist()
        height, width = truth.shape
        images.append({"id": number, "file_name": f"{key}.jpg", "height": height, "width": width})
        segmentation = {"size": [height, width], "counts": runs}
        annotations.append({"image_id": number, "iscrowd": 0, "segmentation": segmentation})
    path = tmp_path / "instances_val.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    by_runs = facts("--masks", ecssd / "shards", "--truth", path)
    assert by_runs == facts("--masks", ecssd / "shards", "--truth", ecssd / "ground_truth_mask")


@pytest.mark.slow
def test_for_people(ecssd: Path) -> None:
    arguments = ["eval", "--masks", ecssd / "maps", "--truth", ecssd / "ground_truth_mask", "--workers", 2]
    lines = dict(line.split() for line in call(*arguments).splitlines())
    found = facts("--masks", ecssd / "maps", "--truth", ecssd / "ground_truth_mask")
    assert lines["mae"] == f"{found['mae']:.4f}"
    assert lines["images"] == "10"


def test_help_keeps_its_lines() -> None:
    text = CliRunner().invoke(command, ["--help"]).stdout
    assert "\n  max_f  " in text
    assert "\\b" not in text


def test_shards_whose_photos_are_pngs_measure_as_their_masks_do(tmp_path: Path) -> None:
    shards, maps, truth = make_lossless(tmp_path), tmp_path / "maps", tmp_path / "truth"
    (record,) = manifest.read(shards).shards
    for sample in read_samples(shards, record, ("mask.png",)):
        for folder in (maps, truth):
            folder.mkdir(exist_ok=True)
            (folder / f"{sample.key}.png").write_bytes(sample.members["mask.png"])
    turned = next(truth.iterdir())
    cv2.imwrite(str(turned), 255 - cv2.imread(str(turned), cv2.IMREAD_GRAYSCALE))
    found = facts("--masks", shards, "--truth", truth)
    assert found["images"] == COUNT
    assert 0.5 < found["iou"] < 1
    assert found == facts("--masks", maps, "--truth", truth, "--binarize-at", found["iou_threshold"])
    sheet = tmp_path / "sheet.png"
    call("compare", f"box={shards}", "--truth", truth, "--output", sheet, "--workers", 1)
    assert sheet.exists()
