"""The sources of a batch: what is read for it, and that the same request always gives the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.loaders import Background, Corruption, Crop, Recipe, SampleReader, View, open_dataset
from maskgen.loaders.options import LoaderOptions
from maskgen.loaders.pixels.sources import SourceReader, tiles_anew
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.sampling.view_draws import DONOR

DONORS = Recipe(
    views=(View(size=32, crop=Crop(fg_min=0.3), background=Background(replace="donor", p=0.5)),) * 2
)
ROWS = np.array([3, 0, 7, 11, 5, 2])


def source(path: Any, recipe: Recipe = DONORS, **options: Any) -> SourceReader:
    reader = SampleReader(open_dataset(path), ("jpg", "bg.jpg"), on_error=options.pop("on_error", "raise"))
    return SourceReader(reader, recipe, **options)


def test_photos_and_shown_backgrounds_are_the_members_of_the_tar(drawn: Any) -> None:
    made = source(drawn.path)
    sources = made.read(ROWS, 1, 0)
    assert sources.taken.samples.tolist() == ROWS.tolist()
    shown = {
        int(view.donor[row]) for view in sources.draws.views for row in np.flatnonzero(view.kind == DONOR)
    }
    assert shown
    assert sources.backgrounds.keys() == shown
    for row, sample in enumerate(ROWS.tolist()):
        assert (sources.photos[row] == made.reader.encoded(sample, "jpg")).all()
    for row, encoded in sources.backgrounds.items():
        assert (encoded == made.reader.encoded(int(ROWS[row]), "bg.jpg")).all()


def test_the_same_request_gives_the_same_sources_and_another_epoch_others(drawn: Any) -> None:
    first = source(drawn.path).read(ROWS, 1, 0)
    again = source(drawn.path).read(*first.request)
    other = source(drawn.path).read(ROWS, 1, 1)
    assert first.table.tobytes() == again.table.tobytes() != other.table.tobytes()


def test_corrupted_masks_stand_beside_the_stored_ones(drawn: Any) -> None:
    recipe = replace(DONORS, corruption=Corruption(change="centred_rectangle", amount=0.25))
    sources = source(drawn.path, recipe).read(ROWS, 0, 0)
    stored = source(drawn.path).read(ROWS, 0, 0)
    assert (sources.taken.small.fg == stored.masks).all()
    assert sources.masks.shape == (len(ROWS), len(recipe.views), 128, 128), "each view has its own"
    assert (np.abs((sources.masks > 127).mean(axis=(-2, -1)) - 0.25) < 0.01).all()


def test_tiled_backgrounds_are_not_read(builder: Any) -> None:
    path = builder(samples=12, shard_size=6, tiled=True).path
    assert source(path).read(ROWS, 1, 0).backgrounds
    assert not source(path, tile=True).read(ROWS, 1, 0).backgrounds


def test_a_broken_background_is_an_error_or_costs_its_sample(builder: Any) -> None:
    path = builder(samples=12, shard_size=12).path
    dataset = open_dataset(path)
    victim = int(ROWS[next(iter(source(path).read(ROWS, 1, 0).backgrounds))])
    shard, row = dataset.locate(victim)
    start, _ = shard.place(row, shard.members.index("bg.jpg"))
    with dataset.tar(shard).open("r+b") as file:
        file.seek(start)
        file.write(b"not a JPEG")
    with pytest.raises(BrokenSample, match=r"bg\.jpg"):
        source(path).read(ROWS, 1, 0)
    sources = source(path, on_error="skip").read(ROWS, 1, 0)
    assert victim not in sources.taken.samples.tolist()
    assert len(sources.photos) == len(ROWS)


def test_backgrounds_tiled_in_another_way_are_read_as_they_are_stored(builder: Any, resealed: Any) -> None:
    path = builder(samples=12, shard_size=6, tiled=True).path

    def as_once(raw: dict[str, Any]) -> None:
        del raw["identity"]["options"]["background_version"]
        raw["fingerprint"] = digest(raw["identity"])

    resealed(path / "manifest.json", as_once)
    assert source(path, tile=True).read(ROWS, 1, 0).backgrounds


def test_tiling_is_for_tiled_backgrounds_and_no_operators(grained: Any, drawn: Any) -> None:
    tiled, other = open_dataset(grained.path), open_dataset(drawn.path)
    assert tiles_anew(tiled, LoaderOptions(tile=True))
    for dataset, operators in ((tiled, True), (other, False)):
        with pytest.raises(UsageError, match="tile=True"):
            tiles_anew(dataset, LoaderOptions(tile=True, operators=operators))
        assert not tiles_anew(dataset, LoaderOptions(operators=operators))


def test_backgrounds_are_tiled_anew_where_that_shows_what_is_stored(
    grained: Any, builder: Any, resealed: Any
) -> None:
    assert tiles_anew(open_dataset(grained.path), LoaderOptions())
    assert not tiles_anew(open_dataset(grained.path), LoaderOptions(tile=False))
    path = builder(samples=2, tiled=True, options={"background_side": 16}).path
    assert not tiles_anew(open_dataset(path), LoaderOptions()), "stored smaller, so softer"
    assert tiles_anew(open_dataset(path), LoaderOptions(tile=True))
    path = builder(samples=2, tiled=True).path

    def as_once(raw: dict[str, Any]) -> None:
        del raw["identity"]["options"]["background_version"]
        raw["fingerprint"] = digest(raw["identity"])

    resealed(path / "manifest.json", as_once)
    assert not tiles_anew(open_dataset(path), LoaderOptions()), "tiled in another way"


def test_a_corrupted_mask_does_not_make_a_background_that_may_be_lent(builder: Any) -> None:
    """Every corrupted mask has a foreground; that of sample 3 as stored has none: no donor."""
    path = builder(samples=12, shard_size=12, empty=(3,)).path
    corruption = Corruption(change="centred_rectangle", amount=0.25)
    certain = replace(DONORS.views[0], background=Background(replace="donor", p=1.0))
    recipe = Recipe(views=(certain,) * 2, corruption=corruption)
    donors = {
        int(ROWS[row])
        for epoch in range(8)
        for view in source(path, recipe).read(ROWS, 0, epoch).draws.views
        for row in view.donor[view.kind == DONOR]
    }
    assert donors == {0, 7, 11, 5, 2}
