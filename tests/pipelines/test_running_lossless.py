"""Photos stored as PNGs keep their pixels, and every reader of shards takes them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from maskgen.config.run_config import make_config
from maskgen.drawing.contact_sheet import pick, spread
from maskgen.io.images.stored import decode_photo
from maskgen.loaders import DaliLoader, TorchLoader, open_dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader
from maskgen.loaders.recipes.parts import NO_PHOTOMETRIC, Background
from maskgen.loaders.recipes.spec import Recipe, View
from maskgen.pipelines.running import run
from maskgen.shards import manifest, reader
from maskgen.shards.verify import verify

pytestmark = pytest.mark.slow
SIDE, COUNT = 32, 6
BACKGROUND = Background(replace="donor", p=1.0)
RECIPE = Recipe(views=(View(size=24, photometric=NO_PHOTOMETRIC, background=BACKGROUND, masks=True),))


def photo(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lossless")
    (folder / "photos").mkdir()
    for number in range(COUNT):
        cv2.imwrite(str(folder / "photos" / f"p{number}.png"), photo(number)[..., ::-1])
    values = {"dataset": "folder", "input": str(folder / "photos"), "output": str(folder / "shards")}
    run(make_config({**values, "method": "box", "photo_format": "png", "background_store": "patch"}))
    return folder / "shards"


def test_the_pixels_are_those_of_the_source_and_verify_reads_them(shards: Path) -> None:
    whole = manifest.read(shards)
    assert whole.members[:2] == ("png", "mask.png")
    assert whole.identity["options"]["photo_format"] == "png"
    assert verify(shards, "full").faults == ()
    for sample in reader.read_samples(shards, whole.shards[0], whole.members):
        assert np.array_equal(decode_photo(sample.members["png"]), photo(int(sample.key[1:])))


def test_a_flipped_bit_of_a_photo_is_found(shards: Path, tmp_path: Path) -> None:
    for file in shards.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    tar = next(tmp_path.glob("*.tar"))
    data = bytearray(tar.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 1
    tar.write_bytes(data)
    with pytest.raises(BrokenSample):
        SampleReader(open_dataset(tmp_path), ("jpg",)).encoded(0, "jpg")


def test_a_preview_shows_the_photo(shards: Path) -> None:
    whole = manifest.read(shards)
    for row in pick(shards, whole, spread(whole, COUNT)):
        assert np.array_equal(row.pictures[0], photo(int(row.key[1:])))


def test_the_sample_reader_gives_the_photo_by_its_one_name(shards: Path) -> None:
    dataset = open_dataset(shards)
    found = SampleReader(dataset, ("jpg",)).encoded(2, "jpg")
    assert np.array_equal(decode_photo(found.tobytes()), photo(2))


def test_both_loaders_give_the_same_batches(shards: Path) -> None:
    dataset = open_dataset(shards)
    with (
        contextlib.closing(TorchLoader(dataset, 3, recipe=RECIPE, seed=3)) as ours,
        contextlib.closing(DaliLoader(dataset, 3, recipe=RECIPE, seed=3)) as theirs,
    ):
        pairs = list(zip(ours, theirs, strict=True))
    assert len(pairs) == 2
    for mine, other in pairs:
        assert mine["key"] == other["key"]
        assert torch.equal(mine["views"][0], other["views"][0])


@pytest.mark.parametrize(
    ("names", "options", "stored"),
    [
        (("a.png", "b.BMP"), {}, "png"),
        (("a.png", "b.png"), {"photo_format": "jpg"}, "jpg"),
        (("a.png", "b.jpg"), {}, "jpg"),
        (("a.png", "b.png"), {"short_side": 16}, "jpg"),
        (("a.png", "b.jpg"), {"photo_format": "png", "short_side": 16}, "png"),
    ],
)
def test_lossless_files_stay_so_unless_somebody_says_otherwise(
    tmp_path: Path, names: tuple[str, ...], options: dict[str, object], stored: str
) -> None:
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(names):
        cv2.imwrite(str(tmp_path / "photos" / name), photo(number))
    values = {"dataset": "folder", "input": str(tmp_path / "photos"), "output": str(tmp_path / "shards")}
    done = run(make_config({**values, "method": "box", "workers": 1, **options}))
    assert done.manifest.members[0] == stored
    assert any("stored as PNGs" in note for note in done.notes) == (stored == "png" and not options)
    told = "1 of 2 photos are of lossless files and are stored as JPEGs of quality 95"
    assert any(note.startswith(told) for note in done.notes) == ("b.jpg" in names and not options)
    for sample in reader.read_samples(tmp_path / "shards", done.manifest.shards[0], done.manifest.members):
        assert bool(sample.members.get("png", b"").startswith(b"\x89PNG")) == (stored == "png")
