"""What the bench measures, and what its figures say about the settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faulty_store import FaultyStore
from stage_kit import planned

from maskgen.errors import UsageError
from maskgen.io.storage.location import ObjectLocation
from maskgen.pipelines.bench import PARTS, RuntimeRate, advice, part_rates, photos_of


def test_photos_are_spread_over_the_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for number in range(250):
        (tmp_path / "deep" / f"{number:03d}.JPG").touch()
    (tmp_path / "notes.txt").touch()
    found = [int(path.stem) for path in photos_of(tmp_path, tmp_path)]
    assert len(found) == 100
    assert found == sorted(found)
    assert found[1] - found[0] == 2
    with pytest.raises(UsageError, match="no photo to measure with"):
        photos_of(tmp_path / "absent", tmp_path)


def test_photos_of_an_address_are_copied(faulty_store: FaultyStore, tmp_path: Path) -> None:
    for number in range(102):
        faulty_store.objects[f"set/{number:03d}.jpg"] = str(number).encode()
    found = photos_of(ObjectLocation("s3://bucket", "set"), tmp_path)
    assert [path.read_bytes() for path in found] == [str(number).encode() for number in range(100)]
    assert {path.parent for path in found} == {tmp_path}


@pytest.mark.slow
def test_every_part_has_a_rate_and_nothing_is_left_behind(tmp_path: Path) -> None:
    config, _ = planned(tmp_path)
    for folder in ("cats", "dogs/small"):  # with a photo of the same name in each
        (tmp_path / "photos" / folder).mkdir(parents=True)
        shutil.copy(tmp_path / "photos" / "p0.jpg", tmp_path / "photos" / folder)
    before = set(tmp_path.rglob("*"))
    files = [path for path in photos_of(tmp_path / "photos", tmp_path) if path.stem != "p3"]
    rates = part_rates(config, files, workers=1, seconds=0.05)
    assert tuple(rates) == PARTS
    assert all(rate > 0 for rate in rates.values())
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_photos_that_cannot_be_decoded_end_the_bench(tmp_path: Path) -> None:
    config, _ = planned(tmp_path)
    with pytest.raises(UsageError, match="none of the photos can be decoded"):
        part_rates(config, [tmp_path / "photos" / "p3.jpg"], workers=1, seconds=0.05)


def test_the_advice_follows_from_the_figures_by_hand(tmp_path: Path) -> None:
    config, _ = planned(tmp_path)
    rates = {"decode": 20.0, "method": 60.0, "background": 60.0, "encode": 60.0, "tar": 1e9}
    first, second = advice(config, rates, [], workers=2)
    assert first == "about 10 images/s with 2 workers, and decode takes 50% of the time"  # 1 / (1/20 + 3/60)
    assert "--short-side 256" in second
    runtimes = [
        RuntimeRate("torch", "bf16", 50.0, 0.93),
        RuntimeRate("torch", "fp32", 10.0, 1.0),
        RuntimeRate("openvino", "mixed", 30.0, 0.997),
        RuntimeRate("onnxruntime", "fp32", 0.0, 0.0, "not installed"),
    ]
    lines = advice(config, {**rates, "decode": 1e6}, runtimes, workers=2)
    assert "--runtime openvino --precision mixed is the fastest that keeps the masks" in lines[1]
