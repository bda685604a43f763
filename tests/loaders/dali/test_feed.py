"""What the two graphs are fed: the same pictures, under the names and in the order that each of them
reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskgen.loaders import Background, Crop, Negative, Recipe, SampleReader, View, open_dataset
from maskgen.loaders.dali.feed import Feed, Feeder
from maskgen.loaders.pixels import draw_table
from maskgen.loaders.pixels.sources import SourceReader
from maskgen.loaders.sampling.view_draws import DONOR

DONORS = View(size=32, crop=Crop(fg_min=0.3), background=Background(replace="donor", p=0.5))
SWAPS = Recipe(views=(DONORS, View(size=24)), negative=Negative(p=0.5, view=View(size=32)))


def feeder(path: Any, recipe: Recipe = SWAPS, *, operators: bool = False) -> Feeder:
    members = ("jpg", "bg.jpg") if recipe.needs_backgrounds else ("jpg",)
    return Feeder(SourceReader(SampleReader(open_dataset(path), members), recipe), operators=operators)


def fed(path: Any, **options: Any) -> Feed:
    return feeder(path, **options).make(np.arange(10), 3, 0)


def test_the_rendered_graph_gets_each_background_once(drawn: Any) -> None:
    feed = fed(drawn.path)
    assert feed.inputs.keys() == {"photo", "draws", "mask", "donors", "shown"}
    assert np.flatnonzero(feed.inputs["shown"]).tolist() == sorted(feed.sources.backgrounds)
    for row, encoded in feed.sources.backgrounds.items():
        assert feed.inputs["donors"][row] is encoded
    assert (feed.inputs["draws"] == draw_table.as_floats(feed.sources.table)).all()


def test_the_graph_of_operators_gets_the_background_of_each_row_by_view(drawn: Any) -> None:
    feed = fed(drawn.path, operators=True)
    assert feed.by_photo
    assert feed.inputs.keys() == {"photo", "draws", "mask", "donors0", "donors2"}
    table = draw_table.from_floats(feed.inputs["draws"])
    assert (table["source"] == np.arange(10)[:, None]).all()
    for view in (0, 2):
        for row in range(10):
            shown = feed.inputs[f"donors{view}"][row]
            if table["kind"][row, view] == DONOR:
                assert shown is feed.sources.backgrounds[int(table["donor"][row, view])]
            else:
                assert len(shown) == 1


def test_a_recipe_without_masks_is_fed_photos_alone(drawn: Any) -> None:
    assert fed(drawn.path, recipe=Recipe(views=(View(size=32),))).inputs.keys() == {"photo", "draws"}


@pytest.mark.parametrize("operators", [False, True])
def test_a_blank_feed_has_the_inputs_of_any_other(drawn: Any, operators: bool) -> None:
    jpeg = np.zeros(5, np.uint8)
    blank = feeder(drawn.path, operators=operators).blank(jpeg)
    whole = fed(drawn.path, operators=operators).inputs
    assert blank.keys() == whole.keys()
    assert blank["photo"] == [jpeg]
    assert blank["draws"].shape == (1, *whole["draws"].shape[1:])
    assert blank["draws"].dtype == whole["draws"].dtype
