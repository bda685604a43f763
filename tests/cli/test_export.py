from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_kit import draw_smooth_photos, fill_shards
from faulty_store import FaultyStore
from PIL import Image

Call = Callable[..., tuple[int, str, str]]


def test_it_says_what_it_wrote(call: Call, data: Path, tmp_path: Path) -> None:
    words = ("export", data, tmp_path / "out", "--to", "png", "--binary")
    assert call(*words) == (0, f"4 samples as png: {tmp_path / 'out'}\n", "")
    with Image.open(tmp_path / "out" / "p0.png") as mask:
        assert mask.size == (50, 40)
    status, out, _ = call(*words, "--json")
    assert (status, json.loads(out)["samples"]) == (0, 4)


def test_damage_is_named_and_ends_with_1(call: Call, data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    tar = min(copy.glob("*.tar"))
    raw = bytearray(tar.read_bytes())
    raw[raw.index(b".mask.png") + 600] ^= 1
    tar.write_bytes(raw)
    status, out, _ = call("export", copy, tmp_path / "out", "--to", "coco")
    lines = out.splitlines()
    assert status == 1
    assert lines[0] == "1 sample damaged; maskgen verify --full lists all damage:"
    assert lines[1].startswith("  p0: ")
    assert lines[2] == f"3 samples as coco: {tmp_path / 'out'}"


def test_errors_speak_of_options(call: Call, data: Path, tmp_path: Path) -> None:
    status, _, err = call("export", data, tmp_path / "out", "--to", "imagefolder")
    assert status == 2
    assert "no sample has a class" in err
    assert call("export", data, tmp_path / "out")[0] == 2
    assert "'pngg'" in call("export", data, tmp_path / "out", "--to", "pngg")[2]
    assert not (tmp_path / "out").exists()


def test_a_license_that_the_hub_would_refuse_is_refused_before_anything_is_written(
    call: Call, data: Path, tmp_path: Path
) -> None:
    words = ("export", data, tmp_path / "out", "--masks-only", "--license")
    status, _, err = call(*words, "cc-by-4", "--to", "hf")
    assert status == 2
    assert "Next: --license cc-by-4.0, --license other, or take one of https://huggingface.co/docs" in err
    assert "--license-name <its name" in call(*words, "other", "--to", "hf")[2]
    assert "no --license-name" in call(*words, "x", "--to", "parquet", "--license-name", "y")[2]
    assert not (tmp_path / "out").exists()
    assert call(*words, "other", "--to", "hf", "--license-name", "mine-1.0")[0] == 0
    assert 'license: "other"\nlicense_name: "mine-1.0"' in (tmp_path / "out" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "croissant.json").read_text())["license"] == "mine-1.0"
    assert call("export", data, tmp_path / "free", "--to", "parquet", "--license", "My terms")[0] == 0


@pytest.mark.slow
def test_photos_of_sidecar_shards_may_lie_in_a_store(
    call: Call, faulty_store: FaultyStore, tmp_path: Path
) -> None:
    draw_smooth_photos(tmp_path)
    fill_shards(tmp_path, ("sidecar",))
    faulty_store.upload(tmp_path / "photos", "photos")
    for name, photos in (("near", tmp_path / "photos"), ("far", "s3://bucket/photos")):
        words = ("export", tmp_path / "sidecar", tmp_path / name, "--to", "cutout", "--photos", photos)
        assert call(*words)[0] == 0
    near, far = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.png")} for name in ("near", "far")
    )
    assert near == far
    assert len(near) == 10
    status, _, err = call("export", tmp_path / "sidecar", tmp_path / "none", "--to", "cutout")
    assert status == 2
    assert "--photos <the folder of the originals>" in err
