"""The commands as a user meets them: output, files and exit status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen import __version__
from maskgen.cli.app import COMMANDS, main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four good photos and a broken one, in two shards."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        photo = rng.integers(0, 255, (40, 50 + number, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / "photos" / f"p{number}.jpg"), photo)
    (folder / "photos" / "p9.jpg").write_bytes(b"GIF89a")
    status = run_main("run", *options(folder), "--shard-size", "3")
    assert status == 1  # 1 of 5 is more than 1 %
    return folder / "shards"


def options(folder: Path) -> list[str]:
    place = ["--input", str(folder / "photos"), "--output", str(folder / "shards")]
    return ["--dataset", "folder", *place, "--method", "box", "--workers", "1"]


def run_main(*words: str) -> int:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:  # noqa: PT012
        patch.setattr(sys, "argv", ["maskgen", *words])
        main()
    return int(stop.value.code or 0)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    def call(*words: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run_main(*(str(word) for word in words))
        return status, *capfd.readouterr()

    return call


def test_help_lists_every_command_and_each_has_its_own(call: Call) -> None:
    status, out, _ = call("--help")
    assert status == 0
    for name, text in COMMANDS.items():
        assert name in out
        assert " ".join(text.split()) in " ".join(out.split())
        assert call(name, "--help")[0] == 0
    assert call("--version") == (0, f"maskgen, version {__version__}\n", "")


def test_mistakes_are_answered_with_the_nearest_word(call: Call) -> None:
    status, _, err = call("verfy")
    assert status == 2
    assert "did you mean 'verify'" in err
    status, _, err = call("run", "--dataset", "folder")
    assert status == 2
    assert "missing option --output" in err
    status, _, err = call("run", "--dataset", "folder", "--output", "x")
    assert status == 2
    assert "--input" in err


def test_status_lists_what_is_in_quarantine(call: Call, data: Path) -> None:
    status, out, _ = call("status", data)
    assert status == 0
    assert "4 samples, 1 quarantined, 5 planned" in out
    assert "p9 (p9.jpg): format-not-allowed: looks like GIF" in out
    facts = json.loads(call("status", data, "--json")[1])
    assert facts["failures"] == [
        {
            "shard": "folder-train-000001",
            "key": "p9",
            "path": "p9.jpg",
            "error": "format-not-allowed: looks like GIF",
        }
    ]
    assert (facts["complete"], facts["shards_done"], facts["shards"]) == (True, 2, 2)


def test_running_again_does_nothing_and_says_so(call: Call, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.glob("*.tar")}
    status, out, err = call("run", *options(data.parent), "--shard-size", "3")
    assert status == 1
    assert "5 images were there already" in out
    assert "over the failure budget of 1%" in err
    assert {path: path.stat().st_mtime_ns for path in data.glob("*.tar")} == before


def test_verify_levels_and_exit_status(call: Call, data: Path, tmp_path: Path) -> None:
    for flags in ((), ("--quick",), ("--full",)):
        assert call("verify", data, *flags)[0] == 0
    copy = tmp_path / "copy"
    os.system(f"cp -r {data} {copy}")
    tar = copy / "folder-train-000000.tar"
    content = bytearray(tar.read_bytes())
    content[700] ^= 1
    tar.write_bytes(content)
    status, out, _ = call("verify", copy)
    assert status == 1
    assert "folder-train-000000: the tar file has another SHA-256 than recorded" in out
    assert call("verify", copy, "--quick")[0] == 0
    facts = json.loads(call("verify", copy, "--json")[1])
    assert [fault["where"] for fault in facts["faults"]] == ["folder-train-000000"]
    assert "withdrawn: folder-train-000000" in call("verify", copy, "--repair")[1]
    status, out, _ = call(
        "run", *options(data.parent)[:4], "--output", copy, *options(data.parent)[6:], "--shard-size", "3"
    )
    assert (copy / "folder-train-000000.tar").read_bytes() == (data / "folder-train-000000.tar").read_bytes()
    assert call("verify", copy, "--full")[0] == 0


def test_info_and_show(call: Call, data: Path, tmp_path: Path) -> None:
    facts = json.loads(call("info", data, "--json")[1])
    assert (facts["samples"], facts["failed"], facts["backgrounds"]) == (4, 1, {"tiled-left": 4}) or facts[
        "samples"
    ] == 4
    assert facts["mean_fg_area"] == pytest.approx(0.25, abs=0.02)
    assert facts["options"]["method"] == "box"
    assert call("info", data)[0] == 0
    shown = json.loads(call("show", data, "p2", "--json", "--extract", tmp_path / "out")[1])
    assert (shown["shard"], shown["json"]["width"], shown["status"]) == ("folder-train-000000", 52, "ok")
    photo = (data.parent / "photos" / "p2.jpg").read_bytes()
    assert (tmp_path / "out" / "p2.jpg").read_bytes() == photo
    assert json.loads(call("show", data, "p9", "--json")[1])["status"] == "failed"
    status, _, err = call("show", data, "nothing")
    assert status == 2
    assert "no sample 'nothing'" in err


def test_preview_draws_photo_mask_overlay_background(call: Call, data: Path, tmp_path: Path) -> None:
    status, out, _ = call("preview", data, "--output", tmp_path / "a" / "sheet.png", "--count", "2")
    assert status == 0
    assert "2 samples" in out
    sheet = cv2.imread(str(tmp_path / "a" / "sheet.png"))
    assert sheet.shape[1] > 4 * 160
    assert sheet.std() > 10


def test_preview_writes_what_the_ending_says(call: Call, data: Path, tmp_path: Path) -> None:
    for name, magic in (("s.png", b"\x89PNG"), ("s.jpg", b"\xff\xd8\xff"), ("s.JPEG", b"\xff\xd8\xff")):
        assert call("preview", data, "--output", tmp_path / name)[0] == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
    manifest = (data / "manifest.json").read_bytes()
    for path in (tmp_path / "s.gif", tmp_path / "sheet", data / "manifest.json"):
        status, _, err = call("preview", data, "--output", path)
        assert status == 2
        assert "does not end in .png or .jpg or .jpeg" in err
    assert (data / "manifest.json").read_bytes() == manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.JPEG", "s.jpg", "s.png"]


def test_status_of_a_copy_without_its_plan(call: Call, data: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(data, tmp_path / "copy")
    (copy / "plan.json").unlink()
    status, _, err = call("status", copy)
    assert status == 2
    assert "no run is here, only its shards" in err
    assert "maskgen info and maskgen verify" in err
    assert call("info", copy)[0] == 0
    status, _, err = call("status", data.parent / "photos")
    assert status == 2
    assert "no run is here: " in err
    assert "--output of a maskgen run" in err


def test_options_without_effect_are_named_once(call: Call, data: Path, tmp_path: Path) -> None:
    words = options(data.parent)
    words[words.index("--output") + 1] = str(tmp_path / "s")
    unused = ["--weights", "none.pth", "--device", "cuda", "--resize", "official"]
    status, _, err = call(
        "run", *words, "--limit", "2", *unused, "--background", "none", "--background-side", "9"
    )
    assert status == 0
    assert err.splitlines() == [
        "maskgen: note: --weights, --resize, --device: no effect, box has no network",
        "maskgen: note: --background-side: no effect, no backgrounds are made",
    ]
    status, _, err = call("run", *words, "--limit", "2", "--device", "cpu")
    assert "no effect" not in err  # what is said anyway is no news


def test_the_package_runs_as_a_module() -> None:
    for module in ("maskgen", "maskgen.cli"):
        done = subprocess.run(
            [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"maskgen, version {__version__}\n"


def test_plan_estimates_without_writing(call: Call, data: Path, tmp_path: Path) -> None:
    words = options(data.parent)
    words[words.index("--output") + 1] = str(tmp_path / "nowhere")
    status, out, _ = call("plan", *words, "--shard-size", "3", "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["images"], facts["shards"], facts["first_keys"]) == (
        5,
        2,
        ["p0", "p1", "p2", "p3", "p9"][:3],
    )
    written = sum(path.stat().st_size for path in data.glob("*.tar"))
    assert facts["estimated_bytes"] == pytest.approx(written, rel=0.5)
    assert facts["free_bytes"] > 0
    assert not (tmp_path / "nowhere").exists()
    assert call("plan", *words)[0] == 0


def test_a_configuration_file_and_flags_over_it(call: Call, data: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('dataset = "folder"\nmethod = "box"\nlimit = 3\nworkers = 1\nbackground = "none"\n')
    words = [
        "run",
        "--config",
        config,
        "--input",
        data.parent / "photos",
        "--output",
        tmp_path / "s",
        "--limit",
        "2",
    ]
    status, out, _ = call(*words, "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["samples"], facts["complete"]) == (2, True)
    config.write_text("limits = 3\n")
    status, _, err = call(*words)
    assert status == 2
    assert "did you mean 'limit'" in err


def test_other_settings_on_resume_are_refused(call: Call, data: Path) -> None:
    status, _, err = call("run", *options(data.parent), "--shard-size", "4")
    assert status == 2
    assert "options.shard_size: 3 -> 4" in err


def test_folders_without_a_manifest_are_refused(call: Call, tmp_path: Path) -> None:
    for command in ("info", "preview"):
        status, _, err = call(command, tmp_path)
        assert status == 1
        assert "no manifest.json here" in err
    assert call("verify", tmp_path)[0] == 1


def test_doctor_reports_this_machine(call: Call) -> None:
    status, out, _ = call("doctor", "--json")
    facts = json.loads(out)
    assert status == 0
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["cores"] >= 1
    assert call("doctor")[0] == 0


def test_a_path_that_cannot_be_written_is_an_environment_fault(
    call: Call, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    status, _, err = call("show", data, "p2", "--extract", tmp_path / "file" / "x")
    assert status == 3
    assert "file" in err
    assert "Traceback" not in err
    status, _, err = call("preview", data, "--output", tmp_path / "file" / "sheet.png")
    assert status == 3
    assert "Next: " in err
